"""The sandbox's clock, which can be moved on: days of waiting pass in a moment."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.world.world import World

MAX_STEPS = 100_000


class Clock:
    """A clock in seconds since the epoch, `ahead` of the machine's.

    Signatures of webhooks keep the machine's time: a receiver compares them with its own clock.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time() + self.ahead


def move(clock: Clock, world: "World", seconds: float) -> None:
    """Let `seconds` pass at once, stopping wherever something is due on the way."""
    with world.lock:
        goal = clock.ahead + seconds
        for _ in range(MAX_STEPS):
            due = world.advance()
            ahead = goal if due is None else clock.ahead + due - clock()
            if ahead >= goal:
                break
            clock.ahead = max(clock.ahead, ahead)
        clock.ahead = goal
        world.advance()
        world.changed.notify_all()
