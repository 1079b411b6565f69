"""See and set when a company's data is synced."""

import time
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, Field

from portal import schedule_shapes
from portal.auth import caller
from portal.companies import CompanyPath, known
from portal.groups import Given, Reply, described, group
from portal.parts import parts
from portal.problems import Refusal
from portal.run_now import DataType
from portal.schedule_shapes import ScheduleRuns, ScheduleShape
from relay.cadence import Schedule, next_run
from relay.company import Company, CompanyStatus
from relay.definition import Definition
from relay.store.intents import Need, Priority
from relay.times import now_ms

api = group("schedules", __name__, "Schedules")

NO_SCHEDULE = "This company has no schedule for this data type."
RUNS_SHOWN = 5
TRIES = 3  # someone may change the schedule between our look and our write


class SchedulePath(CompanyPath):
    """Which schedule."""

    data_type: DataType


class ScheduleQuery(Given):
    """Whose schedules."""

    company: Annotated[str | None, Field(max_length=64)] = None
    paused: Annotated[bool, Field(description="Those that wait for the end of a pause.")] = False
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class PutQuery(Given):
    """How to set the schedule."""

    preview: Annotated[bool, Field(description="Show the coming runs without saving.")] = False


class ScheduleBody(Definition):
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
    """List one company's schedules, or those of all companies that run next, the soonest first."""
    store, now = parts().store, int(time.time())
    if query.company is not None:
        found = schedule_shapes.of_company(store, known(query.company), now)
        found = [one for one in found if one.paused or not query.paused][: query.limit]
    else:
        chosen = schedule_shapes.waiting if query.paused else schedule_shapes.coming
        found = chosen(store, query.limit, now)
    return ScheduleList(schedules=found).model_dump()


@api.get(
    "/schedules/<company_id>/<data_type>",
    responses={200: ScheduleRuns, **described("unknown-company", "not-found")},
)
def get_schedule(path: SchedulePath) -> Reply:
    """Give one schedule with its next runs."""
    held = parts().store.schedules.of(known(path.company_id).id).get(path.data_type)
    if held is None:
        raise Refusal("not-found", NO_SCHEDULE)
    store, now = parts().store, int(time.time())
    return schedule_shapes.with_runs(store, held, now, RUNS_SHOWN, saved=True).model_dump()


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
    company, now = known(path.company_id), int(time.time())
    schedule = _schedule(company, path.data_type, body)
    status = HTTPStatus.OK
    if not query.preview:
        status = HTTPStatus.CREATED if _save(schedule, now) else HTTPStatus.OK
        _watch(schedule)
    answer = schedule_shapes.with_runs(
        parts().store, schedule, now, RUNS_SHOWN, saved=not query.preview
    )
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
    company, store = known(path.company_id), parts().store
    for _ in range(TRIES):
        held = store.schedules.of(company.id).get(path.data_type)
        if held is None:
            raise Refusal("not-found", NO_SCHEDULE)
        if store.schedules.remove(held):
            return "", HTTPStatus.NO_CONTENT
    raise _changed_meanwhile()


def _schedule(company: Company, data_type: str, body: ScheduleBody) -> Schedule:
    linked = company.status is CompanyStatus.LINKED
    suspended = None if linked else f"the company is {company.status}"
    return body.schedule(company.id, data_type).suspend(suspended, int(time.time()))


def _save(schedule: Schedule, now: int) -> bool:
    """Write the schedule over whatever there is; tell whether there was none."""
    store = parts().store
    due = next_run(schedule, now).due if schedule.running else None
    for _ in range(TRIES):
        held = store.schedules.of(schedule.company_id).get(schedule.data_type)
        if store.schedules.put(schedule, due, over=held):
            return held is None
    raise _changed_meanwhile()


def _watch(schedule: Schedule) -> None:
    """Have the deadline of a schedule's data watched; one watch a company is enough."""
    if schedule.fresh:
        name, now = f"fresh:{schedule.company_id}", now_ms()
        cause = f"api:{caller().name}"
        need = Need(name, schedule.company_id, Priority.RECONCILE, now, cause)
        parts().store.intents.put([need], now)


def _changed_meanwhile() -> Refusal:
    return Refusal("conflict", "Someone else is changing this schedule. Look at it and try again.")
