"""Calendar arithmetic: from a schedule to its runs, and the period each run stands for."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from relay.syncs.schedule import HOUR, Anchor, Cadence, Schedule
from relay.syncs.zones import zone as zone_of

NOON = time(12)
# Seconds: no two runs are further apart, clock changes and days left out included.
MAX_INTERVAL = {
    Cadence.HOURLY: 60 * HOUR,
    Cadence.DAILY: 60 * HOUR,
    Cadence.WEEKLY: 10 * 24 * HOUR,
    Cadence.MONTHLY: 35 * 24 * HOUR,
}


class Run(NamedTuple):
    """One due time (epoch seconds) and the period it stands for; periods sort as text."""

    due: int
    period: str


def next_run(schedule: Schedule, after: int) -> Run:
    """Return the first run later than `after` (epoch seconds)."""
    return next(runs(schedule, after))


def run_before(schedule: Schedule, due: int) -> Run:
    """Return the last run earlier than `due` (epoch seconds)."""
    earlier = due - MAX_INTERVAL[schedule.cadence] - schedule.spread
    return deque(takewhile(lambda run: run.due < due, runs(schedule, earlier)), 1)[0]


def runs(schedule: Schedule, after: int) -> Iterator[Run]:
    """Yield all runs later than `after` (epoch seconds), in order, without end."""
    zone = zone_of(schedule.zone)
    offset = schedule.offset
    # Start an offset earlier: a run that the offset moves past `after` must not be missed.
    moment = datetime.fromtimestamp(after - offset, UTC)
    for (due, period), (following, _) in pairwise(_runs_without_offset(schedule, zone, moment)):
        # A day that the zone's calendar leaves out would share its time with the day after it.
        if after < due + offset < following + offset:
            yield Run(due + offset, period)


@lru_cache(maxsize=65_536)
def run_and_next(
    cadence: Cadence, anchor: Anchor, zone: str, every: int, at: int
) -> tuple[Run, Run]:
    """Return the first run at or after `at` and the run after it, before any offset.

    Cached, because many schedules share a definition.
    """
    shared = Schedule("", "", cadence, anchor, zone, every=every)
    this, following = islice(runs(shared, at - 1), 2)
    return this, following


def _runs_without_offset(
    schedule: Schedule, zone: ZoneInfo, moment: datetime
) -> Iterator[tuple[int, str]]:
    if schedule.cadence is Cadence.HOURLY:
        hours = _every_hour if schedule.every == 1 else _every_few_hours
        yield from hours(schedule, zone, moment)
        return
    at = time(schedule.anchor.hour, schedule.anchor.minute)
    for day, period in _days(schedule, moment.astimezone(zone).date()):
        yield _epoch_seconds(day, at, zone), period


def _every_hour(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    """Yield a run per hour of real time, named in UTC: a night of 23 or 25 hours counts right."""
    hour = (moment - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    ahead = _utc_offset(hour, zone)
    while True:
        following = hour + timedelta(hours=1)
        ahead, before = _utc_offset(following, zone), ahead
        # In zones with a part of an hour, the local minute is another minute in UTC.
        minute = (schedule.anchor.minute * 60 - before) % HOUR
        if ahead != before:
            # Clocks that change within the hour, as on Lord Howe, show it there, twice, or never.
            ways = (minute, before), ((schedule.anchor.minute * 60 - ahead) % HOUR, ahead)
            shown = [at for at, by in ways if _utc_offset(hour + timedelta(seconds=at), zone) == by]
            minute = min(shown, default=minute)
        yield int(hour.timestamp()) + minute, hour.strftime("%Y-%m-%dT%HZ")
        hour = following


def _utc_offset(moment: datetime, zone: ZoneInfo) -> int:
    """Return the seconds by which clocks in `zone` are ahead of UTC."""
    return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _every_few_hours(
    schedule: Schedule, zone: ZoneInfo, moment: datetime
) -> Iterator[tuple[int, str]]:
    """Yield a run every few hours of the wall clock, among them the anchor's hour."""
    day = moment.astimezone(zone).date() - timedelta(days=1)
    first = schedule.anchor.hour % schedule.every
    while True:
        # A day that the zone's calendar leaves out has no hours. A day that starts after a clock
        # change has them, moved past the change like any other time.
        shown = datetime.fromtimestamp(_epoch_seconds(day, NOON, zone), zone).date() == day
        for hour in range(first, 24, schedule.every) if shown else ():
            due = _epoch_seconds(day, time(hour, schedule.anchor.minute), zone)
            yield due, f"{day.isoformat()}T{hour:02d}"
        day += timedelta(days=1)


def _days(schedule: Schedule, start: date) -> Iterator[tuple[date, str]]:
    if schedule.cadence is Cadence.DAILY:
        day = start - timedelta(days=1)
        while True:
            yield day, day.isoformat()
            day += timedelta(days=1)
    elif schedule.cadence is Cadence.WEEKLY:
        day = start - timedelta(days=start.isoweekday() - schedule.anchor.weekday + 7)
        while True:
            year, week, _ = day.isocalendar()
            yield day, f"{year:04d}-W{week:02d}"
            day += timedelta(days=7)
    else:
        month = start.year * 12 + start.month - 2  # months since year 0, one before this one
        while True:
            year, index = divmod(month, 12)
            yield _day_of_month(year, index + 1, schedule.anchor.day), f"{year:04d}-{index + 1:02d}"
            month += 1


def _day_of_month(year: int, month: int, day: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), following - timedelta(days=1))


def _epoch_seconds(day: date, at: time, zone: ZoneInfo) -> int:
    """Return the epoch second when clocks in `zone` show `at` on `day`.

    A time that clocks show twice counts the first time. A time that a forward change leaves out
    moves past the change by as much as it lies inside.
    """
    first = datetime.combine(day, at, tzinfo=zone)  # fold=0: before the change
    return int(first.timestamp())
