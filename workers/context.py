"""The parts a worker process works with, set once at its start: a job carries none of them."""

import re
from dataclasses import dataclass

from codat.client import Codat
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store


@dataclass(frozen=True)
class Context:
    """What jobs need. `placeholders` recognises dummy names of companies made elsewhere."""

    settings: Settings
    store: Store
    hints: Hints
    codat: Codat
    placeholders: re.Pattern[str] | None = None


class NoContext(RuntimeError):
    """A job ran in a process that no worker set up."""


_current: list[Context] = []


def use(context: Context) -> None:
    """Make this the process's context."""
    _current[:] = [context]


def current() -> Context:
    """Return the process's context; raises NoContext when none was set."""
    if not _current:
        raise NoContext("start workers with `codat-relay worker <queue>`")
    return _current[0]
