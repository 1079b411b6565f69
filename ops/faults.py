"""Exit codes, and the faults that the command line tells in a sentence instead of a trace."""

FAILED = 1
WRONG_SETTINGS = 2
UNREACHABLE = 3


class CannotStart(Exception):
    """Something must be set right before this can start; `str()` says what."""


class NotAccepted(Exception):
    """The service refused what was asked as wrong or not allowed; `str()` says why."""


class Unreachable(Exception):
    """The service or the server does not answer; `str()` says which, and what to try."""


class Failed(Exception):
    """The command ran and did not come to what was asked; `str()` says why."""
