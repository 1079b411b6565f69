"""Exit codes, and the faults that the command line explains in a sentence, without a trace."""

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    RedisError,
    ResponseError,
)

FAILED = 1  # not, or not wholly, done
WRONG_SETTINGS = 2  # or wrong usage: nothing was done
UNREACHABLE = 3
INTERRUPTED = 130  # by Ctrl-C, as shells know it


def words_for(error: RedisError) -> str:
    """Return what the server did, in words: it may well have answered, as when it is full."""
    if isinstance(error, AuthenticationError | AuthorizationError):
        return f"does not let us in: {error}"
    if isinstance(error, ResponseError):
        return f"answers with an error: {error}"
    return f"does not answer: {error}"


class CannotStart(Exception):
    """Something must be set right before this can start; `str()` says what."""


class NotAccepted(Exception):
    """The service refused what was asked as wrong or not allowed; `str()` says why."""


class Unreachable(Exception):
    """The service or the server does not answer; `str()` says which, and what to try."""

    again = True  # whether the same, asked again, can succeed


class Failed(Exception):
    """The command ran and did not come to what was asked; `str()` says why.

    `again`: whether the same, asked again, can succeed.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class Interrupted(Exception):
    """Somebody pressed Ctrl-C; `str()` says what was done, what goes on, and how to stop it."""
