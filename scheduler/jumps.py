"""Notice when this machine's clock is moved: schedules follow it, so somebody should know."""

import time
from dataclasses import dataclass
from uuid import uuid4

import structlog

from relay import telling
from relay.message import Action
from relay.queues import Hints
from relay.store import Store

TOLERATED = 30.0  # seconds; clocks that are set right little by little stay far below

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment, in seconds: the one people set, and the one that only runs on."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> "Reading":
        """Read both clocks."""
        return cls(time.time(), time.monotonic())

    def jump_since(self, before: "Reading") -> float:
        """Give the seconds by which the wall clock was moved since, 0 for what is tolerated."""
        moved = (self.wall - before.wall) - (self.steady - before.steady)
        return moved if abs(moved) > TOLERATED else 0.0


def tell(store: Store, hints: Hints, seconds: float, at: float) -> None:
    """Put a jump into the event log. No period is doubled or lost by it; `at` as the clock says."""
    log.error("clock.jumped", seconds=round(seconds))
    action = Action(
        id=f"clock:{uuid4().hex}",
        type="relay.clock_jumped",
        company_id="",
        at=int(at * 1_000_000),
        payload={"seconds": round(seconds, 1)},
    )
    telling.tell(store, hints, action)
