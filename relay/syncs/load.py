"""Count the syncs of the coming hours, and compare them with Codat's limits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from relay.syncs.cadence import next_run, run_and_next
from relay.syncs.schedule import Cadence, Schedule, offset_within

HOUR = 3600
DAY_HOURS, WEEK_HOURS = 24, 168
CALLS_PER_SYNC = 2  # the request, and a check of its outcome
# Codat: using-the-api/rate-limits: requests a day, for each linked company and one more.
DAILY_PER_COMPANY = 1000


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A schedule and when it is due next (epoch seconds); `key` identifies the schedule."""

    schedule: Schedule
    key: bytes
    due: int


def syncs_per_hour(planned: Iterable[PlannedRun], start: int, hours: int) -> list[int]:
    """Count the runs in each of the `hours` from `start` (epoch seconds).

    Late runs count in the first hour.
    """
    counts = [0] * hours
    begins = [0] * hours  # hourly schedules, by their first hour
    end = start + hours * HOUR
    for one in planned:
        s = one.schedule
        if s.cadence is Cadence.HOURLY and s.every == 1:
            if one.due < end:
                begins[max(0, (one.due - start) // HOUR)] += 1
            continue
        offset, due = offset_within(s.spread, one.key), one.due
        while due < end:
            counts[max(0, (due - start) // HOUR)] += 1
            _, following = run_and_next(s.cadence, s.anchor, s.zone, s.every, due - offset)
            due = following.due + offset
    return [count + running for count, running in zip(counts, accumulate(begins), strict=True)]


def change_per_hour(before: Iterable[Schedule], after: Iterable[Schedule], now: int) -> list[int]:
    """Return by how many syncs each hour of the coming week changes; `now` in epoch seconds."""
    start = now // HOUR * HOUR
    less = syncs_per_hour(_planned(before, now), start, WEEK_HOURS)
    more = syncs_per_hour(_planned(after, now), start, WEEK_HOURS)
    return [new - old for new, old in zip(more, less, strict=True)]


def _planned(schedules: Iterable[Schedule], now: int) -> Iterator[PlannedRun]:
    for schedule in schedules:
        if schedule.running:
            yield PlannedRun(schedule, schedule.key, next_run(schedule, now).due)


@dataclass(frozen=True, slots=True)
class SyncCapacity:
    """How many syncs Codat's limits allow."""

    calls_per_minute: int
    companies: int
    quota: int | None = None  # requests a day, as Codat reported it; None: it has not

    @property
    def hour(self) -> int:
        """Syncs in an hour."""
        return self.calls_per_minute * 60 // CALLS_PER_SYNC

    @property
    def requests(self) -> int:
        """Requests that the quota allows in a day: as Codat reported it, else by its rule."""
        return self.quota if self.quota is not None else DAILY_PER_COMPANY * (1 + self.companies)

    @property
    def day(self) -> int:
        """Syncs in a day."""
        return self.requests // CALLS_PER_SYNC


def warnings(counts: list[int], capacity: SyncCapacity) -> list[str]:
    """Return a sentence for each limit of Codat's that would not cover the load."""
    found = []
    peak = max(counts, default=0)
    if peak > capacity.hour:
        found.append(
            f"The fullest hour holds {peak:,} syncs; {capacity.calls_per_minute:,} calls a minute"
            f" cover {capacity.hour:,}. The rest runs later: spread them wider."
        )
    fullest = max((sum(counts[n : n + DAY_HOURS]) for n in range(len(counts))), default=0)
    if fullest > capacity.day:
        found.append(
            f"The fullest day holds {fullest:,} syncs, more than the daily quota of"
            f" {capacity.requests:,} requests covers."
        )
    return found
