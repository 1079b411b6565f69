"""The server itself: connect, judge, guard, its clock and files. No data of a subject."""
