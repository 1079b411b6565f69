"""Schedules as they are sent to the API and shown by it, with their coming runs."""

from collections.abc import Sequence
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, Field

from portal.http.company_selection import MAX_COMPANIES
from portal.http.groups import Given, Sent
from portal.http.parameters import CompanyPath, DataType
from relay.companies.company import Company
from relay.services.held_back import pauses_holding_back
from relay.services.set_schedules import CompanyResult, ManyResult
from relay.store import Store
from relay.syncs.cadence import runs
from relay.syncs.definition import Definition
from relay.syncs.pause import Pause
from relay.syncs.schedule import Schedule
from relay.times import Millis, Moment, iso_from_ms

FAR_FUTURE = 32_503_680_000  # the year 3000, in epoch seconds


class SchedulePath(CompanyPath):
    """Which schedule."""

    data_type: DataType


class ScheduleQuery(Given):
    """Whose schedules."""

    company: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(default_factory=list, max_length=15, description="One or several companies, whole."),
    ]
    paused: Annotated[bool, Field(description="Those that wait for the end of a pause.")] = False
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class PutQuery(Given):
    """How to set the schedule."""

    preview: Annotated[bool, Field(description="Show the coming runs without saving.")] = False


class ScheduleBody(Sent, Definition):
    """A cadence, and where in each period it runs, on the wall clock of `timezone`."""


class ManyBody(Sent):
    """What to set, of which companies."""

    companies: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...],
        Field(min_length=1, max_length=MAX_COMPANIES, description="Ids of companies."),
    ]
    data_type: DataType
    schedule: Annotated[
        Definition | None, Field(description="The schedule; null removes the one there is.")
    ]
    preview: Annotated[bool, Field(description="Say what it comes to; save nothing.")] = False


class HeldBack(BaseModel):
    """The pause that holds the next run back; without `until`, until somebody ends it."""

    pause: str
    scope: str
    value: str
    owner: str
    reason: str
    until: Moment | None


class ScheduleShape(BaseModel):
    """When one data type of one company is synced."""

    company_id: str
    data_type: str
    cadence: str
    minute: int
    hour: int
    weekday: int
    day: int
    timezone: str
    spread: int
    every: int
    catch_up: str
    cap: int
    fresh: int
    off: bool
    origin: str
    suspended: str | None
    next_due: Moment | None
    paused: HeldBack | None


class ScheduleRuns(ScheduleShape):
    """A schedule and when it runs next; none while it is suspended, off, or paused without end."""

    next_runs: list[Moment]
    saved: bool
    warnings: Annotated[
        list[str],
        Field(description="Of a preview: where Codat's limits would not cover the load then."),
    ] = []


class ScheduleList(BaseModel):
    """Schedules."""

    schedules: list[ScheduleShape]


class ManyRow(BaseModel):
    """What it came to for one company; `error` says why nothing did."""

    company_id: str
    data_type: str
    next_due: Moment | None
    suspended: str | None
    off: bool
    error: str | None


class ManyDone(BaseModel):
    """What it came to, in the order asked for."""

    schedules: list[ManyRow]
    saved: bool
    refused: int
    load: Annotated[
        list[int],
        Field(
            description="By how many syncs each hour of the coming week changes; /v1/schedules/load"
            " takes it as `added`."
        ),
    ]


def shape(
    schedule: Schedule, next_due: int | None, paused: HeldBack | None = None
) -> ScheduleShape:
    """Return a schedule as the API shows it; `next_due` in epoch seconds."""
    return ScheduleShape(
        company_id=schedule.company_id,
        data_type=schedule.data_type,
        cadence=schedule.cadence,
        minute=schedule.anchor.minute,
        hour=schedule.anchor.hour,
        weekday=schedule.anchor.weekday,
        day=schedule.anchor.day,
        timezone=schedule.zone,
        spread=schedule.spread,
        every=schedule.every,
        catch_up=schedule.catch_up,
        cap=schedule.cap,
        fresh=schedule.fresh,
        off=schedule.off,
        origin=schedule.origin,
        suspended=schedule.suspended,
        next_due=None if next_due is None else iso(next_due),
        paused=paused,
    )


def with_runs(
    store: Store, schedule: Schedule, now: int, count: int, *, saved: bool
) -> ScheduleRuns:
    """Return a schedule with its first `count` runs later than `now` (epoch seconds).

    A pause that holds the next one back leaves out those that fall into it.
    """
    due = next(runs(schedule, now)).due if schedule.running else None
    if saved:
        [due] = store.schedules.next_due([schedule])
    [pause] = pauses_holding_back(store, [schedule], [due], now)
    after = now if pause is None else pause.until(now)
    coming: list[int] = []
    if schedule.running and after is not None:
        coming = [r.due for r in islice(runs(schedule, after), count)]
    return ScheduleRuns(
        **shape(schedule, due, _held_back(pause, now)).model_dump(),
        next_runs=[iso(due) for due in coming],
        saved=saved,
    )


def of_company(store: Store, company: Company, now: int) -> list[ScheduleShape]:
    """Return a company's schedules by data type, suspended ones too; `now` in epoch seconds."""
    schedules = sorted(
        store.schedules.of(company.id).values(), key=lambda schedule: schedule.data_type
    )
    due = store.schedules.next_due(schedules)
    pauses = pauses_holding_back(store, schedules, due, now, {company.id: company})
    return _shapes(schedules, due, pauses, now)


def coming(store: Store, limit: int, now: int) -> list[ScheduleShape]:
    """Return the schedules that run next, over all companies, the soonest first."""
    found = [(one.schedule, one.due) for one in store.schedules.due(FAR_FUTURE, limit)]
    schedules = [schedule for schedule, _ in found if schedule]
    due = [at for schedule, at in found if schedule]
    return _shapes(schedules, due, pauses_holding_back(store, schedules, due, now), now)


def waiting(store: Store, limit: int, now: int) -> list[ScheduleShape]:
    """Return the schedules that wait for the end of a pause, longest due first."""
    names = store.pauses.held_back(limit)
    held = store.schedules.of_many(list(dict.fromkeys(company_id for company_id, _ in names)))
    schedules = [held[c][data_type] for c, data_type in names if data_type in held[c]]
    due = store.schedules.next_due(schedules)
    return _shapes(schedules, due, pauses_holding_back(store, schedules, due, now), now)


def _shapes(
    schedules: Sequence[Schedule],
    due: Sequence[int | None],
    pauses: Sequence[Pause | None],
    now: int,
) -> list[ScheduleShape]:
    rows = zip(schedules, due, pauses, strict=True)
    return [shape(schedule, at, _held_back(pause, now)) for schedule, at, pause in rows]


def iso(seconds: int) -> str:
    """Return epoch seconds as ISO 8601 in UTC."""
    return iso_from_ms(Millis(seconds * 1000))


def _held_back(pause: Pause | None, now: int) -> HeldBack | None:
    """Return a pause as a schedule shows it."""
    if pause is None:
        return None
    until = pause.until(now)
    return HeldBack(
        pause=pause.id,
        scope=pause.scope,
        value=pause.value,
        owner=pause.owner,
        reason=pause.reason,
        until=None if until is None else iso_from_ms(Millis(until * 1000)),
    )


def many_done(result: ManyResult, data_type: str, *, saved: bool) -> ManyDone:
    """Return the result of setting many schedules as the API shows it."""
    return ManyDone(
        schedules=[_many_row(one, data_type) for one in result.companies],
        saved=saved,
        refused=sum(one.error is not None for one in result.companies),
        load=result.load,
    )


def _many_row(one: CompanyResult, data_type: str) -> ManyRow:
    return ManyRow(
        company_id=one.company_id,
        data_type=data_type,
        next_due=None if one.next_due is None else iso(one.next_due),
        suspended=one.schedule.suspended if one.schedule else None,
        off=bool(one.schedule and one.schedule.off),
        error=one.error,
    )
