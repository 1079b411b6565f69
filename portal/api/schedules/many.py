"""Set or remove one schedule of many companies at once, and what that does to the load."""

from typing import Annotated

from pydantic import BaseModel, Field

from codat.records import read_id
from portal.api.load.routes import change
from portal.api.schedules import routes
from portal.api.schedules.schemas import iso
from portal.http.company_selection import MAX_COMPANIES
from portal.http.data_type import DataType
from portal.http.groups import Reply, Sent, described
from portal.http.problems import Refusal
from portal.services import services
from relay.companies.company import Company
from relay.syncs.cadence import next_run
from relay.syncs.definition import Definition
from relay.syncs.schedule import Schedule
from relay.times import Moment, now_ms

# The same group: of two with one path, the description would show the last alone.
api = routes.api

UNKNOWN = "No company of this id is known here."
NONE_HELD = "There is no such schedule."


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


@api.post("/schedules", responses={200: ManyDone, **described("forbidden", "conflict")})
def set_schedules(body: ManyBody) -> Reply:
    """Set or remove a schedule of many companies; one that is refused stops no other."""
    store, now = services().store, now_ms() // 1000
    ids = [read_id(given) or given for given in body.companies]
    companies = store.companies.get_many(dict.fromkeys(ids))
    held = store.schedules.of_many(list(companies))
    before, after, rows = list[Schedule](), list[Schedule](), list[ManyRow]()
    for company_id, company in companies.items():
        there = held[company_id].get(body.data_type)
        wanted = _wanted(company, body, now)
        error = _error(company, there, body)
        if error is None and not body.preview:
            error = _write(company_id, wanted, body.data_type, now)
        if error is None:
            before += [there] if there else []
            after += [wanted] if wanted else []
        rows.append(_row(company_id, body.data_type, wanted, now, error))
    if not body.preview:
        _show_due(rows, after)
        routes.keep_alive([row.company_id for row in rows if row.error is None])
    return ManyDone(
        schedules=rows,
        saved=not body.preview,
        refused=sum(row.error is not None for row in rows),
        load=change(before, after, now),
    ).model_dump()


def _wanted(company: Company | None, body: ManyBody, now: int) -> Schedule | None:
    if company is None or body.schedule is None:
        return None
    return routes.of_definition(company, body.data_type, body.schedule, now)


def _error(company: Company | None, there: Schedule | None, body: ManyBody) -> str | None:
    if company is None:
        return UNKNOWN
    return NONE_HELD if body.schedule is None and there is None else None


def _write(company_id: str, wanted: Schedule | None, data_type: str, now: int) -> str | None:
    try:
        if wanted is None:
            routes.remove(company_id, data_type, now)
        else:
            routes.save(wanted, now)
    except Refusal as refusal:
        return refusal.detail
    return None


def _show_due(rows: list[ManyRow], written: list[Schedule]) -> None:
    """Show when those that were written are due: one that was late, or ran already, need not be
    so at its next time."""
    due = services().store.schedules.next_due(written)
    found = {one.company_id: at for one, at in zip(written, due, strict=True)}
    for row in rows:
        at = found.get(row.company_id)
        row.next_due = None if at is None else iso(at)


def _row(
    company_id: str, data_type: str, wanted: Schedule | None, now: int, error: str | None
) -> ManyRow:
    runs = wanted is not None and wanted.running and error is None
    return ManyRow(
        company_id=company_id,
        data_type=data_type,
        next_due=iso(next_run(wanted, now).due) if wanted and runs else None,
        suspended=wanted.suspended if wanted else None,
        off=bool(wanted and wanted.off),
        error=error,
    )
