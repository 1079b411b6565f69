"""The load of the coming day and week as the page shows it: bars by hour, and days side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from portal.api.load.routes import HourShape, Load, covered, load_of
from portal.services import services
from relay.syncs.load import SyncCapacity

DAY, WEEK = 24, 168  # hours
TALLEST = 100.0  # what the longest bar measures


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar: its hour of the day, its syncs, and how long it is, up to TALLEST."""

    at: datetime
    syncs: int
    share: float
    over: bool  # more than Codat's limits cover

    @property
    def top(self) -> float:
        """Where an upright bar begins, measured from above."""
        return TALLEST - self.share


@dataclass(frozen=True, slots=True)
class Day:
    """A date's hours, as far as the week reaches into it."""

    hours: tuple[Hour, ...]

    @property
    def name(self) -> str:
        """Its weekday and day of the month."""
        return f"{self.hours[0].at:%a %d}"

    @property
    def syncs(self) -> int:
        """How many syncs its hours hold together."""
        return sum(hour.syncs for hour in self.hours)

    @property
    def fullest(self) -> Hour:
        """Its hour with most syncs, the first of equals."""
        return max(self.hours, key=lambda hour: hour.syncs)


@dataclass(frozen=True, slots=True)
class Coming:
    """What the page shows; `paused` counts schedules that wait for a pause to end."""

    load: Load
    covered: SyncCapacity
    day: tuple[Hour, ...]
    week: tuple[Day, ...]
    paused: int


def coming() -> Coming:
    """Work out the coming week, and its first day hour by hour."""
    load, pauses = load_of(WEEK), services().store.pauses
    hours = tuple(_hours(load.hours, load.covers.hour))
    days = groupby(hours, key=lambda hour: hour.at.date())
    return Coming(
        load=load,
        covered=covered(),
        day=tuple(_hours(load.hours[:DAY], load.covers.hour)),
        week=tuple(Day(tuple(found)) for _, found in days),
        paused=sum(pauses.parked(pauses.all())),
    )


def _hours(found: list[HourShape], covers: int) -> Iterator[Hour]:
    peak = max(1, *(one.syncs for one in found))
    for one in found:
        at = datetime.fromisoformat(one.hour).astimezone(UTC)
        yield Hour(at, one.syncs, round(TALLEST * one.syncs / peak, 2), one.syncs > covers)
