"""When syncs are due: calendar arithmetic from a schedule to its next run and that run's period."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self
from zlib import crc32
from zoneinfo import ZoneInfo

import orjson

ALL = "all"  # every data type the company's connections fetch
LAST_DAY = 31
HOUR = 3600


class Cadence(StrEnum):
    """How often; the choices Codat itself names (Codat: core-concepts/data-type-settings)."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


# Over how many seconds a cadence that nobody gave a time is spread, so that no herd forms.
SPREAD = {
    Cadence.HOURLY: HOUR,
    Cadence.DAILY: 6 * HOUR,
    Cadence.WEEKLY: 24 * HOUR,
    Cadence.MONTHLY: 72 * HOUR,
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where in its period a run stands, on the wall clock of the schedule's zone.

    `weekday` is ISO (1 Monday to 7 Sunday) and counts for weekly, `day` (1 to 31; past the month's
    end means its last day) for monthly, `hour` for all but hourly.
    """

    minute: int = 0
    hour: int = 0
    weekday: int = 1
    day: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError, naming the part, when one is out of its range."""
        for name, value, low, high in (
            ("minute", self.minute, 0, 59),
            ("hour", self.hour, 0, 23),
            ("weekday", self.weekday, 1, 7),
            ("day", self.day, 1, LAST_DAY),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One data type of one company, and when it is to be synced.

    `spread` is the window in seconds within which a stable offset moves each run; 0 keeps the
    wall-clock time. `origin` says who set it: `policy` follows the defaults, `person` stays.
    """

    company_id: str
    data_type: str
    cadence: Cadence
    anchor: Anchor = Anchor()
    zone: str = "UTC"
    spread: int = 0
    origin: str = "person"
    suspended: str | None = None  # why it does not run for now, or None

    def to_json(self) -> bytes:
        """Give the schedule as it is stored."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = orjson.loads(raw)
        values["cadence"] = Cadence(values["cadence"])
        values["anchor"] = Anchor(**values["anchor"])
        return cls(**values)

    @property
    def offset(self) -> int:
        """Seconds by which each run is moved within the spread: the same every time."""
        if self.spread <= 0:
            return 0
        return crc32(f"{self.company_id}|{self.data_type}".encode()) % self.spread

    def suspend(self, reason: str | None) -> Self:
        """Give the schedule stopped for `reason`, or running again with None."""
        return replace(self, suspended=reason)


@dataclass(frozen=True, slots=True)
class Run:
    """One due time (epoch seconds) and the period it stands for; periods sort as text."""

    due: int
    period: str


def next_run(schedule: Schedule, after: int) -> Run:
    """Give the first run later than `after` (epoch seconds)."""
    return next(runs(schedule, after))


def runs(schedule: Schedule, after: int) -> Iterator[Run]:
    """Give all runs later than `after` (epoch seconds), in order, without end."""
    zone = ZoneInfo(schedule.zone)
    offset = schedule.offset
    # One period back, so that a run moved by its offset into the next period is not passed over.
    moment = datetime.fromtimestamp(after - offset, UTC)
    for (due, period), (following, _) in pairwise(_slots(schedule, zone, moment)):
        # A day that the zone's calendar leaves out would share its time with the day after it.
        if after < due + offset < following + offset:
            yield Run(due + offset, period)


def missed_runs(schedule: Schedule, due: int, now: int, most: int = 1000) -> list[Run]:
    """Give the runs after the one due at `due` up to `now`: their times came while we were away."""
    found: list[Run] = []
    for run in runs(schedule, due):
        if run.due > now or len(found) == most:
            break
        found.append(run)
    return found


def _slots(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    if schedule.cadence is Cadence.HOURLY:
        yield from _hours(schedule.anchor, zone, moment)
        return
    at = time(schedule.anchor.hour, schedule.anchor.minute)
    for day, period in _days(schedule, moment.astimezone(zone).date()):
        yield _on_the_clock(day, at, zone), period


def _hours(anchor: Anchor, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    """Walk hours of real time, named in UTC, so that a night with 23 or 25 hours counts right."""
    hour = (moment - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    while True:
        # Zones with a part of an hour put the same minute of the local clock elsewhere in UTC.
        shift = int((hour.astimezone(zone).utcoffset() or timedelta()).total_seconds()) % HOUR
        minute = (anchor.minute * 60 - shift) % HOUR
        yield int(hour.timestamp()) + minute, hour.strftime("%Y-%m-%dT%HZ")
        hour += timedelta(hours=1)


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


def _on_the_clock(day: date, at: time, zone: ZoneInfo) -> int:
    """Give the epoch second when clocks in `zone` show `at` on `day`.

    A time shown twice counts the first time; one that a forward jump leaves out is moved past the
    jump by as much as it lies inside.
    """
    first = datetime.combine(day, at, tzinfo=zone)  # fold=0: before the change
    return int(first.timestamp())
