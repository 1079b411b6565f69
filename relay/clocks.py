"""Compare a machine's clock with the server's, which all go by, and log when they differ."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from socket import gethostname
from uuid import uuid4

import structlog

from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.store import Store
from relay.times import MAX_READING, Micros, Seconds

TOLERANCE = 30.0  # seconds; clocks that are set right little by little stay far below
NOTE_INTERVAL = 5.0  # seconds
MIN_CHANGE = 10.0  # seconds by which a difference must change to be logged again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks at one moment, in seconds: the server's, which all go by, and this host's.

    `steady` only runs on, also when a clock is set.
    """

    server: float
    host: float
    steady: float

    @classmethod
    def take(cls, store: Store) -> "Reading | None":
        """Read the clocks; None when that took too long for one moment, as in a frozen process."""
        began = time.monotonic()
        read = cls(store.time(), time.time(), time.monotonic())
        return read if read.steady - began < MAX_READING else None

    def jump_since(self, before: "Reading") -> float:
        """Return by how many seconds the server's clock was moved since, 0 if tolerated."""
        return beyond((self.server - before.server) - (self.steady - before.steady))

    @property
    def ahead(self) -> float:
        """The seconds by which this host's clock is ahead of the server's."""
        return self.host - self.server

    @property
    def difference(self) -> float:
        """The same, but 0 if tolerated."""
        return beyond(self.ahead)


def beyond(seconds: float) -> float:
    """Return the seconds, or 0 for what is tolerated."""
    return seconds if abs(seconds) > TOLERANCE else 0.0


def wrong_clocks(ahead: Mapping[str, float]) -> list[str]:
    """Return in words which clocks are apart, given the seconds each is ahead of the server's."""
    return [
        f"clock: that of {name} is {abs(seconds):.0f} s"
        f" {'ahead of' if seconds > 0 else 'behind'} the server's; one of them is wrong"
        for name, seconds in ahead.items()
        if beyond(seconds)
    ]


def host() -> str:
    """Return the name of this machine."""
    return gethostname() or "unnamed"


class Comparison:
    """What one process has logged of its clock: each difference once, until it changes."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._logged = 0.0
        self._noted = float("-inf")

    def look(self, store: Store, hints: Hints, read: Reading | None) -> None:
        """Note how far the clocks differ, and log it if that is new.

        Raises redis.RedisError or NotDurable, and then logs it the next time.
        """
        if read is None:
            return
        difference = read.difference
        if abs(read.steady - self._noted) >= NOTE_INTERVAL:
            store.note_clock(f"{self._process} on {host()}", Seconds(read.ahead))
            self._noted = read.steady
        if abs(difference - self._logged) > MIN_CHANGE:
            if difference:
                self._log(store, hints, read)
            self._logged = difference

    def _log(self, store: Store, hints: Hints, read: Reading) -> None:
        """Log an event: this host's clock is wrong, or the server's.

        All go by the server's clock, so nothing is doubled, lost or refused.
        """
        log.error("clock.differed", process=self._process, seconds=round(read.difference))
        facts = {
            "seconds": round(read.difference, 1),
            "process": self._process,
            "host": host(),
        }
        at = int(read.server * 1_000_000)
        action = Action(f"clock:{uuid4().hex}", "relay.clock_differed", "", Micros(at), facts)
        enqueue_action(store, hints, action)
