"""Messages of a lane, and which kept ones are replayed. Their storage is in `relay/store/inbox`."""
