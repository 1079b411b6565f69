"""Exit codes, and the one place where an expected fault becomes a sentence and a code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

FAILED = 1
WRONG_SETTINGS = 2
UNREACHABLE = 3


class CannotStart(Exception):
    """Something must be set right before this can start; `str()` says what."""


class Unreachable(Exception):
    """The service or the server does not answer; `str()` says which, and what to try."""


class Failed(Exception):
    """The command ran and did not come to what was asked; `str()` says why."""


@contextmanager
def told() -> Iterator[None]:
    """Turn expected faults into their sentence on stderr and their exit code, with no trace."""
    from redis.exceptions import RedisError  # noqa: PLC0415 (a `--help` should not wait for these)

    from relay.settings import BadSettings  # noqa: PLC0415
    from relay.store.server import ServerRefused  # noqa: PLC0415
    from relay.store.store import WrongStore  # noqa: PLC0415

    try:
        yield
    except (BadSettings, ServerRefused, WrongStore, CannotStart) as error:
        leave(str(error), WRONG_SETTINGS)
    except Unreachable as error:
        leave(str(error), UNREACHABLE)
    except RedisError as error:
        leave(f"The Redis or Valkey server does not answer: {error}", UNREACHABLE)
    except Failed as error:
        leave(str(error), FAILED)


def leave(message: str, code: int) -> None:
    """Say why on stderr, and end with `code`."""
    click.echo(message, err=True)
    sys.exit(code)
