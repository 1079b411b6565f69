"""See and set when a company's data is synced."""

from http import HTTPStatus

from portal.api.schedules import schemas
from portal.api.schedules.schemas import (
    ManyBody,
    ManyDone,
    PutQuery,
    ScheduleBody,
    ScheduleList,
    SchedulePath,
    ScheduleQuery,
    ScheduleRuns,
)
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.tags import SCHEDULES
from portal.services import services
from relay.services import set_schedule as use_case
from relay.services.errors import NotFound
from relay.services.find_companies import find_company
from relay.services.load_forecast import forecast_load
from relay.services.set_schedules import set_schedules as set_many
from relay.syncs.load import WEEK_HOURS, change_per_hour
from relay.syncs.schedule import Schedule
from relay.times import now_ms

api = group("schedules", __name__, SCHEDULES)

RUNS_SHOWN = 5


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
        companies = [find_company(store, company) for company in query.company]
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
    store, now = services().store, now_ms() // 1000
    held = store.schedules.of(find_company(store, path.company_id).id).get(path.data_type)
    if held is None:
        raise NotFound(use_case.NO_SCHEDULE)
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
    store, hints, now, by = services().store, services().hints, now_ms(), caller().name
    company = find_company(store, path.company_id)
    schedule = use_case.schedule_for(company, path.data_type, body, now)
    if query.preview:
        return _preview(schedule, now), HTTPStatus.OK
    is_new = use_case.set_schedule(store, hints, schedule, by=by, now=now)
    use_case.settle_keep_alive(store, hints, [company.id], by=by, now=now)
    answer = schemas.with_runs(store, schedule, now // 1000, RUNS_SHOWN, saved=True)
    return answer.model_dump(), HTTPStatus.CREATED if is_new else HTTPStatus.OK


@api.delete(
    "/schedules/<company_id>/<data_type>",
    responses={
        204: None,
        **described("forbidden", "unknown-company", "not-found", "conflict"),
    },
)
def delete_schedule(path: SchedulePath) -> Reply:
    """Remove a schedule; the data type is then synced on request only."""
    store, hints, now, by = services().store, services().hints, now_ms(), caller().name
    company = find_company(store, path.company_id)
    use_case.remove_schedule(store, hints, company.id, path.data_type, by=by, now=now)
    use_case.settle_keep_alive(store, hints, [company.id], by=by, now=now)
    return "", HTTPStatus.NO_CONTENT


@api.post("/schedules", responses={200: ManyDone, **described("forbidden", "conflict")})
def set_schedules(body: ManyBody) -> Reply:
    """Set or remove a schedule of many companies; one that is refused stops no other."""
    result = set_many(
        services().store,
        services().hints,
        body.companies,
        body.data_type,
        body.schedule,
        by=caller().name,
        now=now_ms(),
        preview=body.preview,
    )
    return schemas.many_done(result, body.data_type, saved=not body.preview).model_dump()


def _preview(schedule: Schedule, now: int) -> Reply:
    """Return the schedule as it would be, with warnings where Codat's limits would not allow it."""
    store, calls_per_minute = services().store, services().settings.relay_calls_per_minute
    answer = schemas.with_runs(store, schedule, now // 1000, RUNS_SHOWN, saved=False)
    held = store.schedules.of(schedule.company_id).get(schedule.data_type)
    added = change_per_hour([held] if held else [], [schedule], now // 1000)
    forecast = forecast_load(store, calls_per_minute, WEEK_HOURS, now, added=added)
    answer.warnings = list(forecast.warnings)
    return answer.model_dump()
