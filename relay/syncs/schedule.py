"""A schedule as it is stored: which data type of which company is synced, and when."""

from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from typing import Any, Self
from zlib import crc32

import orjson

ALL = "all"  # every data type the company's connections fetch
LAST_DAY = 31
HOUR = 3600
HOUR_STEPS = (1, 2, 3, 4, 6, 8, 12)  # hours between runs of an hourly schedule: they divide a day


class Cadence(StrEnum):
    """How often a schedule runs: Codat's own choices (Codat: core-concepts/data-type-settings)."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class CatchUp(StrEnum):
    """What happens to periods that passed while nothing ran. Each missed one gets an event."""

    ONCE = "once"  # the latest runs and stands for all
    SKIP = "skip"  # none runs; the next period does
    ALL = "all"  # each runs, one after another, up to a cap


# Seconds over which runs are spread when no time was chosen, so that they do not all start at once.
SPREAD = {
    Cadence.HOURLY: HOUR,
    Cadence.DAILY: 6 * HOUR,
    Cadence.WEEKLY: 24 * HOUR,
    Cadence.MONTHLY: 72 * HOUR,
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """When in its period a run starts, on the wall clock of the schedule's zone.

    `minute` counts for every cadence, `hour` for all but hourly. An hourly schedule with `every`
    above 1 runs at `hour` and in steps from it. `weekday` (ISO, 1 Monday to 7 Sunday) is for
    weekly. `day` (1 to 31) is for monthly; past the month's end it means the last day.
    """

    minute: int = 0
    hour: int = 0
    weekday: int = 1
    day: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError, with the part's name, when a part is out of range."""
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
    """When one data type of one company is synced.

    `spread` is the window in seconds within which a stable offset moves each run; 0 keeps the
    wall-clock time. `every` counts hours and is for hourly schedules. `cap` is how many missed
    periods catch-up `all` runs. After `fresh` hours without a successful read the data counts as
    stale; 0 means never. `origin` says who set it: `policy` follows the defaults, `person` stays.
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
        if self.every not in HOUR_STEPS:
            raise ValueError(f"every must be one of {', '.join(map(str, HOUR_STEPS))}")

    def to_json(self) -> bytes:
        """Return the schedule as it is stored: fields by letter, as there are many schedules.

        Defaults, the company and the data type are left out.
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
        """Read what `to_json` wrote; its key in the store names the company and data type."""
        values: dict[str, Any] = {"origin": _DEFAULT.origin}
        values |= {_NAMES[letter]: value for letter, value in orjson.loads(raw).items()}
        values["cadence"] = Cadence(values["cadence"])
        values["anchor"] = Anchor(*values.get("anchor", ()))
        values["catch_up"] = CatchUp(values.get("catch_up", CatchUp.ONCE))
        return cls(company_id, data_type, **values)

    def in_words(self) -> str:
        """Return the schedule in a few words, such as `weekly, day 5 at 06:30 Europe/London`."""
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
        """Whether it runs at all: neither suspended nor switched off."""
        return self.suspended is None and not self.off

    @property
    def offset(self) -> int:
        """Seconds by which each run is moved within the spread: the same every time."""
        return offset_within(self.spread, self.key)

    @property
    def key(self) -> bytes:
        """What identifies this schedule among all others."""
        return f"{self.company_id}|{self.data_type}".encode()

    def suspend(self, reason: str | None, at: int = 0) -> Self:
        """Return the schedule suspended for `reason` since `at`, or running again with None."""
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
    """Return a number below `seconds`, always the same for `key`; 0 when `seconds` is 0."""
    return crc32(key) % seconds if seconds > 0 else 0
