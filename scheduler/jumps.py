"""Notice when the clock that schedules follow is moved, or this machine's clock differs from it."""

import time
from dataclasses import dataclass
from uuid import uuid4

import structlog

from relay import telling
from relay.message import Action
from relay.queues import Hints
from relay.store import Store

TOLERATED = 30.0  # seconds; clocks that are set right little by little stay far below
AT_ONCE = 1.0  # seconds; a reading that takes longer says nothing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks at one moment, in seconds: the server's, which schedules follow, and this host's.

    `steady` only runs on, whatever people set.
    """

    server: float
    host: float
    steady: float

    @classmethod
    def take(cls, store: Store) -> "Reading | None":
        """Read the clocks; None when that took too long for one moment, as in a frozen process."""
        began = time.monotonic()
        read = cls(store.time(), time.time(), time.monotonic())
        return read if read.steady - began < AT_ONCE else None

    def jump_since(self, before: "Reading") -> float:
        """Give the seconds by which the server's clock was moved since, 0 for what is tolerated."""
        return _beyond((self.server - before.server) - (self.steady - before.steady))

    @property
    def difference(self) -> float:
        """The seconds by which this host's clock is ahead of the server's, 0 if tolerated."""
        return _beyond(self.host - self.server)


def _beyond(seconds: float) -> float:
    return seconds if abs(seconds) > TOLERATED else 0.0


def tell_jump(store: Store, hints: Hints, read: Reading, seconds: float) -> None:
    """Put a jump of the server's clock into the event log.

    Every scheduler notices it; what they tell within a minute is told once.
    """
    log.error("clock.jumped", seconds=round(seconds))
    name = f"clock:{round(seconds / 10)}:{int(read.server) // 60}"
    telling.tell(store, hints, _action(name, "relay.clock_jumped", seconds, read))


def tell_difference(store: Store, hints: Hints, read: Reading) -> None:
    """Put into the event log that this host's clock is wrong, or the server's.

    No period is doubled or lost by it, as schedules do not follow the host's. Its log says which.
    """
    log.error("clock.differed", seconds=round(read.difference))
    name = f"clock:{uuid4().hex}"
    telling.tell(store, hints, _action(name, "relay.clock_differed", read.difference, read))


def _action(name: str, kind: str, seconds: float, read: Reading) -> Action:
    return Action(name, kind, "", int(read.server * 1_000_000), {"seconds": round(seconds, 1)})
