"""The load of the coming hours: how many syncs each holds, and whether the budget covers them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Annotated

from pydantic import BaseModel, Field

from portal.api.schedules.schemas import iso
from portal.http.company_selection import MAX_COMPANIES, Selection, chosen
from portal.http.groups import Given, Reply, Sent, described, group
from portal.http.tags import SCHEDULES
from portal.services import services
from relay.companies.company import CompanyStatus
from relay.syncs import load
from relay.syncs.cadence import next_run
from relay.syncs.load import HOUR, PlannedRun
from relay.syncs.schedule import Schedule
from relay.times import Moment, iso_from_ms, now_ms

api = group("load", __name__, SCHEDULES)

PAGE = 500
ON_HOLD = "Codat's quota is spent: nothing scheduled runs until {}. What falls due runs then."
WEEK_HOURS = 168
MOST = 20_000  # schedules looked at; of more, evenly so many, and the counts are scaled up


class LoadQuery(Given):
    """How far to look."""

    hours: Annotated[int, Field(ge=1, le=WEEK_HOURS)] = 24


class LoadBody(Sent, LoadQuery):
    """How far to look, and at what besides: `added` to each hour, or only some companies."""

    added: Annotated[
        list[int],
        Field(
            default_factory=list,
            max_length=WEEK_HOURS,
            description="Syncs more, or less, in each hour: `load` of a previewed change.",
        ),
    ]
    companies: Annotated[
        tuple[Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")], ...],
        Field(max_length=MAX_COMPANIES, description="Only these companies, by id."),
    ] = ()
    status: CompanyStatus | None = None
    platform: Annotated[str | None, Field(max_length=100)] = None


class HourShape(BaseModel):
    """One hour and how many syncs fall due in it."""

    hour: Moment
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


@api.post("/schedules/load", responses={200: Load, **described("unknown-company")})
def load_as_it_would_be(body: LoadBody) -> Reply:
    """Tell the load with what a change would add, or that of some companies alone."""
    filters = {"companies": body.companies, "status": body.status, "platform": body.platform}
    given = {name: value for name, value in filters.items() if value}
    selection = Selection.model_validate(given) if given else None
    return load_of(body.hours, body.added, selection).model_dump()


def load_of(hours: int, added: Sequence[int] = (), selection: Selection | None = None) -> Load:
    """Work out the load of the coming hours, the present one first."""
    p, start = services(), now_ms() // 1000 // HOUR * HOUR
    if selection is None:
        sample, total = p.store.outlook.sample(MOST), p.store.schedules.count()
        planned = [PlannedRun(one.plan, one.key, one.due) for one in sample if one.plan]
    else:
        planned = list(_planned_for(selection))
        total = len(planned)
    counts = load.syncs_per_hour(planned, start, hours)
    looked_at = min(total, len(planned))
    if selection is None and total > MOST:
        counts = [round(count * total / max(1, looked_at)) for count in counts]
    more = chain(added, repeat(0))
    counts = [max(0, count + next(more)) for count in counts]
    return _shape(counts, start, looked_at, total)


def _planned_for(selection: Selection) -> Iterator[PlannedRun]:
    """Give what some companies' schedules come to; those that wait for a pause have no time yet."""
    schedules, ids = services().store.schedules, [company.id for company in chosen(selection)]
    for first in range(0, len(ids), PAGE):
        held = schedules.of_many(ids[first : first + PAGE])
        found = [schedule for of_one in held.values() for schedule in of_one.values()]
        for schedule, due in zip(found, schedules.next_due(found), strict=True):
            if due is not None:
                yield PlannedRun(schedule, schedule.key, due)


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


def change(before: Iterable[Schedule], after: Iterable[Schedule], now: int) -> list[int]:
    """Give by how many syncs each hour of the coming week changes."""
    start = now // HOUR * HOUR
    less = load.syncs_per_hour(_running(before, now), start, WEEK_HOURS)
    more = load.syncs_per_hour(_running(after, now), start, WEEK_HOURS)
    return [new - old for new, old in zip(more, less, strict=True)]


def _running(found: Iterable[Schedule], now: int) -> Iterator[PlannedRun]:
    for schedule in found:
        if schedule.running:
            yield PlannedRun(schedule, schedule.key, next_run(schedule, now).due)


def warnings(counts: list[int]) -> list[str]:
    """Say where what this service may ask of Codat would not cover the load."""
    return [*on_hold(), *load.warnings(counts, covered())]


def on_hold() -> list[str]:
    """Say until when Codat is not asked for what is scheduled, if the day's calls are spent."""
    now = now_ms()
    short = services().store.budget.state(now).short(now, urgent=False)
    if short is None or short.what == "minute":
        return []
    return [ON_HOLD.format(iso_from_ms(short.until))]


def covered() -> load.SyncCapacity:
    """Give what this service may ask of Codat."""
    p = services()
    told = p.store.budget.state(now_ms()).limit
    return load.SyncCapacity(p.settings.relay_calls_per_minute, p.store.companies.count(), told)
