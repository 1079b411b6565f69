"""The load page: the syncs of the coming day by hour, and of the coming week by day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from portal.api.load.schemas import HourShape, load_shape
from portal.http.groups import Reply
from portal.ops.base import add_page
from portal.services import services
from relay.services.load_forecast import forecast_load
from relay.syncs.load import DAY_HOURS, WEEK_HOURS
from relay.times import now_ms

MAX_SHARE = 100.0  # the length of the longest bar

page = add_page(
    "load",
    "Load",
    "how many syncs the coming hours hold, and whether Codat's limits cover them",
)


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar: its hour of the day, its syncs, and how long it is, up to MAX_SHARE."""

    at: datetime
    syncs: int
    share: float
    over: bool  # more than Codat's limits cover

    @property
    def top(self) -> float:
        """Where an upright bar begins, measured from above."""
        return MAX_SHARE - self.share


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


@page.get()
def show() -> Reply:
    """Show how many syncs each of the coming hours holds, and whether Codat's limits cover them."""
    store, calls_per_minute = services().store, services().settings.relay_calls_per_minute
    forecast = forecast_load(store, calls_per_minute, WEEK_HOURS, now_ms())
    load, pauses = load_shape(forecast), store.pauses
    hours = tuple(_hours(load.hours, load.covers.hour))
    days = groupby(hours, key=lambda hour: hour.at.date())
    return page.render(
        load=load,
        capacity=forecast.capacity,
        day_hours=tuple(_hours(load.hours[:DAY_HOURS], load.covers.hour)),
        week=tuple(Day(tuple(found)) for _, found in days),
        paused=sum(pauses.parked(pauses.all())),  # schedules that wait for the end of a pause
    )


def _hours(found: list[HourShape], covers: int) -> Iterator[Hour]:
    peak = max(1, *(one.syncs for one in found))
    for one in found:
        at = datetime.fromisoformat(one.hour).astimezone(UTC)
        yield Hour(at, one.syncs, round(MAX_SHARE * one.syncs / peak, 2), one.syncs > covers)
