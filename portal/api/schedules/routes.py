"""See and set when a company's data is synced."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, Field

from portal.api.companies.schemas import CompanyPath
from portal.api.load.routes import WEEK_HOURS, change, load_of
from portal.api.schedules import schemas
from portal.api.schedules.schemas import ScheduleRuns, ScheduleShape
from portal.http.auth import caller
from portal.http.data_type import DataType
from portal.http.groups import Given, Reply, Sent, described, group
from portal.http.problems import Refusal
from portal.http.tags import SCHEDULES
from portal.services import services
from relay.companies.company import Company, CompanyStatus
from relay.services import set_schedule
from relay.services.find_companies import find_company
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.change import Change, calendar
from relay.syncs.definition import Definition
from relay.syncs.schedule import Schedule
from relay.times import now_micros, now_ms

api = group("schedules", __name__, SCHEDULES)

NO_SCHEDULE = "This company has no schedule for this data type."
RUNS_SHOWN = 5
TRIES = 3  # someone may change the schedule between our look and our write


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


class ScheduleList(BaseModel):
    """Schedules."""

    schedules: list[ScheduleShape]


@api.get(
    "/schedules",
    description="Suspended schedules have no next run, and are listed with their company only."
    " Those that fell due in a pause are listed with `paused=true`, or with their company.",
    responses={200: ScheduleList, **described("unknown-company")},
)
def list_schedules(query: ScheduleQuery) -> Reply:
    """List some companies' schedules, or those of all that run next, the soonest first."""
    store, now = services().store, now_ms() // 1000
    if query.company:
        companies = [find_company(services().store, company) for company in query.company]
        found = [one for c in companies for one in schemas.of_company(store, c, now)]
        found = [one for one in found if one.paused or not query.paused]
    else:
        chosen = schemas.waiting if query.paused else schemas.coming
        found = chosen(store, query.limit, now)
    return ScheduleList(schedules=found).model_dump()


@api.get(
    "/schedules/<company_id>/<data_type>",
    responses={200: ScheduleRuns, **described("unknown-company", "not-found")},
)
def get_schedule(path: SchedulePath) -> Reply:
    """Give one schedule with its next runs."""
    held = (
        services()
        .store.schedules.of(find_company(services().store, path.company_id).id)
        .get(path.data_type)
    )
    if held is None:
        raise Refusal("not-found", NO_SCHEDULE)
    store, now = services().store, now_ms() // 1000
    return schemas.with_runs(store, held, now, RUNS_SHOWN, saved=True).model_dump()


@api.put(
    "/schedules/<company_id>/<data_type>",
    responses={
        200: ScheduleRuns,
        201: ScheduleRuns,
        **described("forbidden", "unknown-company", "conflict"),
    },
)
def put_schedule(path: SchedulePath, query: PutQuery, body: ScheduleBody) -> Reply:
    """Set when a data type of a company is synced; the company's status may suspend it."""
    company, now = find_company(services().store, path.company_id), now_ms() // 1000
    schedule, store = of_definition(company, path.data_type, body, now), services().store
    if query.preview:
        answer = schemas.with_runs(store, schedule, now, RUNS_SHOWN, saved=False)
        held = store.schedules.of(company.id).get(path.data_type)
        added = change([held] if held else [], [schedule], now)
        answer.warnings = load_of(WEEK_HOURS, added).warnings
        return answer.model_dump(), HTTPStatus.OK
    status = HTTPStatus.CREATED if save(schedule, now) else HTTPStatus.OK
    keep_alive([company.id])
    answer = schemas.with_runs(store, schedule, now, RUNS_SHOWN, saved=True)
    return answer.model_dump(), status


@api.delete(
    "/schedules/<company_id>/<data_type>",
    responses={
        204: None,
        **described("forbidden", "unknown-company", "not-found", "conflict"),
    },
)
def delete_schedule(path: SchedulePath) -> Reply:
    """Remove a schedule; the data type is then synced on request only."""
    company = find_company(services().store, path.company_id)
    remove(company.id, path.data_type, now_ms() // 1000)
    keep_alive([company.id])
    return "", HTTPStatus.NO_CONTENT


def remove(company_id: str, data_type: str, now: int) -> None:
    """Remove a schedule, or refuse when there is none."""
    for _ in range(TRIES):
        held = services().store.schedules.of(company_id).get(data_type)
        if held is None:
            raise Refusal("not-found", NO_SCHEDULE)
        if _write(Change(held, None), now):
            return
    raise _changed_meanwhile()


def of_definition(company: Company, data_type: str, body: Definition, now: int) -> Schedule:
    """Give the schedule that a definition means for a company, whose status may suspend it."""
    linked = company.status is CompanyStatus.LINKED
    suspended = None if linked else f"the company is {company.status}"
    return body.schedule(company.id, data_type).suspend(suspended, now)


def save(schedule: Schedule, now: int) -> bool:
    """Write a schedule over whatever there is, and have its deadline watched; tell if it is new."""
    for _ in range(TRIES):
        held = services().store.schedules.of(schedule.company_id).get(schedule.data_type)
        after = schedule
        if held and held.suspended and schedule.suspended and calendar(held) == calendar(schedule):
            after = replace(schedule, suspended_at=held.suspended_at)
        if _write(Change(held, after), now):
            _watch(schedule)
            return held is None
    raise _changed_meanwhile()


def _write(change: Change, now: int) -> bool:
    cause = f"api:{caller().name}:{change.schedule.data_type}:{now_micros()}"
    return set_schedule.write(services().store, services().hints, change, now=now, cause=cause)


def keep_alive(company_ids: Sequence[str]) -> None:
    """Have it seen to that these companies are synced at times, whatever was changed of them."""
    if not company_ids:
        return
    store, hints, now = services().store, services().hints, now_ms()
    cause = f"api:{caller().name}"
    needs = [
        NewIntent(
            f"cadence:{company_id}:keep", company_id, Priority.LOCAL, now, cause, {"keep": True}
        )
        for company_id in company_ids
    ]
    store.intents.put(needs, now)
    if store.intents.may_hint():
        hints.perform()


def _watch(schedule: Schedule) -> None:
    """Have the deadline of a schedule's data watched; one watch a company is enough."""
    if schedule.fresh:
        name, now = f"fresh:{schedule.company_id}", now_ms()
        cause = f"api:{caller().name}"
        need = NewIntent(name, schedule.company_id, Priority.LOCAL, now, cause)
        services().store.intents.put([need], now)


def _changed_meanwhile() -> Refusal:
    return Refusal("conflict", "Someone else is changing this schedule. Look at it and try again.")
