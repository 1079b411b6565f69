"""When syncs are due: calendar arithmetic from a schedule to its next run and that run's period."""

from collections import deque
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import Any, NamedTuple, Self
from zlib import crc32
from zoneinfo import ZoneInfo

import orjson

from relay.syncs.zones import zone as zone_of

ALL = "all"  # every data type the company's connections fetch
LAST_DAY = 31
HOUR = 3600
NOON = time(12)
EVERY = (1, 2, 3, 4, 6, 8, 12)  # hours between runs of an hourly schedule: what divides a day


class Cadence(StrEnum):
    """How often; the choices Codat itself names (Codat: core-concepts/data-type-settings)."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class CatchUp(StrEnum):
    """What happens to periods that passed while nothing ran; each one is told either way."""

    ONCE = "once"  # the latest runs and stands for all
    SKIP = "skip"  # none runs; the next period does
    ALL = "all"  # each runs, one after another, up to a cap


# Over how many seconds a cadence that nobody gave a time is spread, so that no herd forms.
SPREAD = {
    Cadence.HOURLY: HOUR,
    Cadence.DAILY: 6 * HOUR,
    Cadence.WEEKLY: 24 * HOUR,
    Cadence.MONTHLY: 72 * HOUR,
}
# More seconds than lie between any two runs, clock changes and left out days included.
LONGEST = {
    Cadence.HOURLY: 60 * HOUR,
    Cadence.DAILY: 60 * HOUR,
    Cadence.WEEKLY: 10 * 24 * HOUR,
    Cadence.MONTHLY: 35 * 24 * HOUR,
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where in its period a run stands, on the wall clock of the schedule's zone.

    `weekday` is ISO (1 Monday to 7 Sunday) and counts for weekly, `day` (1 to 31; past the month's
    end means its last day) for monthly, `hour` for all but hourly; of every few hours, it is one.
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
    wall-clock time. `every` counts hours and is for hourly. `cap` is how many missed periods
    `catch_up` ALL makes up for. `fresh` is after how many hours without a successful read the data
    counts as stale, 0 for never. `origin` says who set it: `policy` follows the defaults, `person`
    stays.
    """

    company_id: str
    data_type: str
    cadence: Cadence
    anchor: Anchor = Anchor()
    zone: str = "UTC"
    spread: int = 0
    origin: str = "person"
    suspended: str | None = None  # why it does not run for now, or None
    suspended_at: int = 0  # epoch seconds since when
    every: int = 1
    catch_up: CatchUp = CatchUp.ONCE
    cap: int = 24
    fresh: int = 0
    off: bool = False  # switched off by a person

    def __post_init__(self) -> None:
        """Raise ValueError when `every` does not divide a day."""
        if self.every not in EVERY:
            raise ValueError(f"every must be one of {', '.join(map(str, EVERY))}")

    def to_json(self) -> bytes:
        """Give the schedule as it is stored, by letters, as there are many of them.

        What is as by default, and whose it is, is left out.
        """
        values = {
            letter: value
            for name, letter in _LETTERS.items()
            if (value := getattr(self, name)) != getattr(_DEFAULT, name)
        }
        values["c"] = self.cadence
        if "a" in values:
            values["a"] = astuple(self.anchor)
        return orjson.dumps(values)

    @classmethod
    def from_json(cls, company_id: str, data_type: str, raw: bytes) -> Self:
        """Read what `to_json` wrote; it is kept under the company and the data type."""
        values: dict[str, Any] = {"origin": _DEFAULT.origin}
        values |= {_NAMES[letter]: value for letter, value in orjson.loads(raw).items()}
        values["cadence"] = Cadence(values["cadence"])
        values["anchor"] = Anchor(*values.get("anchor", ()))
        values["catch_up"] = CatchUp(values.get("catch_up", CatchUp.ONCE))
        return cls(company_id, data_type, **values)

    def in_words(self) -> str:
        """Give the schedule in a few words, such as `weekly, day 5 at 06:30 Europe/London`."""
        a = self.anchor
        clock = f"{a.hour:02}:{a.minute:02} {self.zone}"
        words = {
            Cadence.HOURLY: f"every {self.every} h at :{a.minute:02}",
            Cadence.DAILY: f"daily at {clock}",
            Cadence.WEEKLY: f"weekly, day {a.weekday} at {clock}",
            Cadence.MONTHLY: f"monthly, day {a.day} at {clock}",
        }[self.cadence]
        words += f", spread over {self.spread} s" if self.spread else ""
        return f"{words}, {self.suspended}" if self.suspended else words + ", off" * self.off

    @property
    def running(self) -> bool:
        """Whether it is to run at all: neither suspended nor switched off."""
        return self.suspended is None and not self.off

    @property
    def offset(self) -> int:
        """Seconds by which each run is moved within the spread: the same every time."""
        return offset_within(self.spread, self.key)

    @property
    def key(self) -> bytes:
        """What tells this schedule from all others."""
        return f"{self.company_id}|{self.data_type}".encode()

    def suspend(self, reason: str | None, at: int = 0) -> Self:
        """Give the schedule stopped for `reason` since `at`, or running again with None."""
        return replace(self, suspended=reason, suspended_at=at if reason else 0)


_DEFAULT = Schedule("", "", Cadence.HOURLY, origin="policy")
_LETTERS = {
    "cadence": "c",
    "every": "e",
    "anchor": "a",
    "zone": "z",
    "spread": "s",
    "origin": "o",
    "catch_up": "m",
    "cap": "p",
    "fresh": "f",
    "off": "x",
    "suspended": "w",
    "suspended_at": "t",
}
_NAMES = {letter: name for name, letter in _LETTERS.items()}


def offset_within(seconds: int, key: bytes) -> int:
    """Give a stable number below `seconds` for `key`, the same in every process; 0 for none."""
    return crc32(key) % seconds if seconds > 0 else 0


class Run(NamedTuple):
    """One due time (epoch seconds) and the period it stands for; periods sort as text."""

    due: int
    period: str


def next_run(schedule: Schedule, after: int) -> Run:
    """Give the first run later than `after` (epoch seconds)."""
    return next(runs(schedule, after))


def run_before(schedule: Schedule, due: int) -> Run:
    """Give the last run earlier than `due` (epoch seconds)."""
    earlier = due - LONGEST[schedule.cadence] - schedule.spread
    return deque(takewhile(lambda run: run.due < due, runs(schedule, earlier)), 1)[0]


def runs(schedule: Schedule, after: int) -> Iterator[Run]:
    """Give all runs later than `after` (epoch seconds), in order, without end."""
    zone = zone_of(schedule.zone)
    offset = schedule.offset
    # One period back, so that a run moved by its offset into the next period is not passed over.
    moment = datetime.fromtimestamp(after - offset, UTC)
    for (due, period), (following, _) in pairwise(_slots(schedule, zone, moment)):
        # A day that the zone's calendar leaves out would share its time with the day after it.
        if after < due + offset < following + offset:
            yield Run(due + offset, period)


@lru_cache(maxsize=65_536)
def step(cadence: Cadence, anchor: Anchor, zone: str, every: int, slot: int) -> tuple[Run, Run]:
    """Give the run at `slot`, or the first after it, and the next, before any offset.

    Kept for those who ask again, as many schedules share a definition.
    """
    shared = Schedule("", "", cadence, anchor, zone, every=every)
    this, following = islice(runs(shared, slot - 1), 2)
    return this, following


def _slots(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    if schedule.cadence is Cadence.HOURLY:
        hours = _hours if schedule.every == 1 else _some_hours
        yield from hours(schedule, zone, moment)
        return
    at = time(schedule.anchor.hour, schedule.anchor.minute)
    for day, period in _days(schedule, moment.astimezone(zone).date()):
        yield _on_the_clock(day, at, zone), period


def _hours(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    """Walk hours of real time, named in UTC, so that a night with 23 or 25 hours counts right."""
    hour = (moment - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    ahead = _shift(hour, zone)
    while True:
        following = hour + timedelta(hours=1)
        ahead, before = _shift(following, zone), ahead
        # Zones with a part of an hour put the same minute of the local clock elsewhere in UTC.
        minute = (schedule.anchor.minute * 60 - before) % HOUR
        if ahead != before:
            # Clocks that change within the hour, as on Lord Howe, show it there, twice, or never.
            ways = (minute, before), ((schedule.anchor.minute * 60 - ahead) % HOUR, ahead)
            shown = [at for at, by in ways if _shift(hour + timedelta(seconds=at), zone) == by]
            minute = min(shown, default=minute)
        yield int(hour.timestamp()) + minute, hour.strftime("%Y-%m-%dT%HZ")
        hour = following


def _shift(moment: datetime, zone: ZoneInfo) -> int:
    """Give the seconds by which clocks in `zone` are ahead of UTC."""
    return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _some_hours(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[int, str]]:
    """Walk every few hours of the wall clock, among them the anchor's hour."""
    day = moment.astimezone(zone).date() - timedelta(days=1)
    first = schedule.anchor.hour % schedule.every
    while True:
        # A day that the zone's calendar leaves out has no hours. One that clocks jump over into the
        # next day is moved past the jump like any other.
        shown = datetime.fromtimestamp(_on_the_clock(day, NOON, zone), zone).date() == day
        for hour in range(first, 24, schedule.every) if shown else ():
            due = _on_the_clock(day, time(hour, schedule.anchor.minute), zone)
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


def _on_the_clock(day: date, at: time, zone: ZoneInfo) -> int:
    """Give the epoch second when clocks in `zone` show `at` on `day`.

    A time shown twice counts the first time; one that a forward jump leaves out is moved past the
    jump by as much as it lies inside.
    """
    first = datetime.combine(day, at, tzinfo=zone)  # fold=0: before the change
    return int(first.timestamp())
