"""How the readers of the log get on: which subscriptions are behind, and for how long."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from relay.store import keys
from relay.store.delivery.subscriptions import Subscriptions
from relay.store.log.reader import TIME_INDEX_MS, Events
from relay.times import Millis

LATE_MS = 300_000  # for which a reader may be behind before it counts as late
TIME_INDEX_READ = (
    1000  # the latest marks of the log, one a minute; who is further behind is late anyway
)


@dataclass(frozen=True, slots=True)
class Reader:
    """One subscription. `behind` in events, `late` in ms: how old the first of those is at least.

    `still` is for how long its cursor has not moved, in ms, None where that is not known.
    """

    id: str
    active: bool
    behind: int
    late: int
    still: int | None
    failures: int
    reason: str

    @property
    def stuck(self) -> bool:
        """Report whether it has got none of the events that wait for it for too long."""
        unmoved = self.still is None or self.still > LATE_MS
        return self.active and self.late > LATE_MS and unmoved


def readers(
    client: Any, events: Events, subscriptions: Subscriptions, now: Millis
) -> tuple[Reader, ...]:
    """Return how far every subscription has read."""
    held = subscriptions.all()
    if not held:
        return ()
    last = events.last()
    marks = client.zrange(keys.TIME_INDEX, -TIME_INDEX_READ, -1, withscores=True)
    numbers, times = [int(number) for number, _ in marks], [int(at) for _, at in marks]
    found = []
    for one in held:
        behind = max(0, last - one.cursor)
        failed = subscriptions.attempts(one.subscription.id, 1, taken=False)
        reason = failed[0].error or f"it answered {failed[0].status}" if failed else ""
        found.append(
            Reader(
                id=one.subscription.id,
                active=one.active,
                behind=behind,
                late=max(0, now - _logged_by(one.cursor + 1, numbers, times)) if behind else 0,
                still=None if one.moved is None else max(0, now - one.moved),
                failures=one.failures,
                reason=one.reason or (reason if one.failures else ""),
            )
        )
    return tuple(found)


def _logged_by(number: int, numbers: list[int], times: list[int]) -> int:
    """Return by when (ms) an event was logged, by the marks of what was logged at what time."""
    after = bisect_right(numbers, number)
    if after == 0:  # before all the marks that were read
        return times[0] if times else 0
    by = times[after - 1] + (0 if numbers[after - 1] == number else TIME_INDEX_MS)
    return min([by, *times[after : after + 1]])
