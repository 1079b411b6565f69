"""The load of the coming hours: how many syncs each holds, and whether the budget covers them."""

import time
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field

from portal.groups import Given, Reply, group
from portal.parts import parts
from portal.schedule_shapes import iso
from relay import load
from relay.load import HOUR, Planned

api = group("load", __name__, "Schedules")

PAGE = 500
MOST = 50_000  # schedules looked at; of more, the counts are scaled up


class LoadQuery(Given):
    """How far to look."""

    hours: Annotated[int, Field(ge=1, le=168)] = 24


class HourShape(BaseModel):
    """One hour and how many syncs fall due in it."""

    hour: str
    syncs: int


class Covers(BaseModel):
    """How many syncs Codat's limits cover."""

    hour: int
    day: int


class Load(BaseModel):
    """The load by hour; what is late already stands in the first."""

    hours: list[HourShape]
    total: int
    peak: int
    looked_at: Annotated[int, Field(description="Schedules counted; of more, an estimate.")]
    schedules: int
    covers: Covers
    warnings: list[str]


@api.get("/schedules/load", responses={200: Load})
def get_load(query: LoadQuery) -> Reply:
    """Tell how many syncs each of the coming hours holds."""
    return load_of(query.hours).model_dump()


def load_of(hours: int) -> Load:
    """Work out the load of the coming hours, the present one first."""
    p, start = parts(), int(time.time()) // HOUR * HOUR
    total = p.store.schedules.count()
    planned = list(_planned(start + hours * HOUR))
    counts = load.by_hour(planned, start, hours)
    looked_at = total
    if len(planned) == MOST:
        looked_at = MOST
        counts = [count * total // MOST for count in counts]
    return _shape(counts, start, looked_at, total)


def _planned(until: int) -> Iterator[Planned]:
    schedules, past = parts().store.schedules, 0
    while past < MOST and (page := schedules.due(until, PAGE, past)):
        for one in page:
            if one.plan is not None:
                yield Planned(one.plan, one.key, one.due)
        past += len(page)


def _shape(counts: list[int], start: int, looked_at: int, schedules: int) -> Load:
    return Load(
        hours=[
            HourShape(hour=iso(start + number * HOUR), syncs=count)
            for number, count in enumerate(counts)
        ],
        total=sum(counts),
        peak=max(counts),
        looked_at=looked_at,
        schedules=schedules,
        covers=Covers(hour=covered().hour, day=covered().day),
        warnings=warnings(counts),
    )


def warnings(counts: list[int]) -> list[str]:
    """Say where what this service may ask of Codat would not cover the load."""
    return load.warnings(counts, covered())


def covered() -> load.Covered:
    """Give what this service may ask of Codat."""
    p = parts()
    return load.Covered(p.settings.relay_calls_per_minute, p.store.companies.count())
