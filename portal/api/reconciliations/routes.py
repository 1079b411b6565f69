"""Reconciliations: compare what we hold with Codat's own record, watch it, read what it found."""

from http import HTTPStatus
from typing import Annotated

from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from portal.http.auth import caller
from portal.http.company_selection import Cost, Selection, chosen, cost_of
from portal.http.groups import Given, Reply, described, group
from portal.http.problems import Refusal
from portal.services import services
from relay.nearest import hint
from relay.store.companies.reconciliations import Phase, Run
from relay.times import Moment, iso_from_ms, now_ms

api = group(
    "reconciliations",
    __name__,
    Tag(name="Reconciliations", description="Comparisons with Codat's own record."),
)

MOST_NEAR = 100  # runs among which one like an unknown id is looked for
ASKED_FOR = "asked for"
NOTHING_TO_STOP = "It had ended before: there was nothing to stop."


class Reconciliation(BaseModel):
    """One comparison with Codat's own record. `missed` and the like count differences."""

    id: str
    cause: Annotated[str, Field(description="Why it was begun.")]
    phase: Phase
    started: Moment
    finished: Moment | None
    companies: Annotated[int | None, Field(description="How many there are to compare.")]
    compared: int
    calls: Annotated[int, Field(description="Calls to Codat it took so far.")]
    healed: Annotated[int, Field(description="Companies that were put right.")]
    missed: Annotated[int, Field(description="Changes of which no webhook was applied.")]
    late: Annotated[int, Field(description="Companies whose webhooks came in meanwhile.")]
    wrong: Annotated[int, Field(description="Differences that no webhook tells of.")]
    unknown: Annotated[int, Field(description="Companies that only one of us knew.")]
    gone: Annotated[int, Field(description="Companies we hold that Codat did not know.")]
    accept_deletions: Annotated[bool, Field(description="However many are gone.")]
    webhooks: Annotated[int, Field(description="Connection webhooks applied since the run before.")]
    miss_rate: Annotated[
        float | None,
        Field(description="missed / (missed + webhooks); null without any, or of some companies."),
    ]
    by_event_type_and_hour: Annotated[
        dict[str, dict[Moment, int]],
        Field(
            description="Differences by kind and event type, then by the hour of the change at"
            " Codat where that is known, else the hour they were found."
        ),
    ]


class Reconciliations(BaseModel):
    """The latest reconciliations, newest first."""

    reconciliations: list[Reconciliation]


class Begun(BaseModel):
    """A reconciliation that goes on: this one, or one over all companies that was begun before."""

    id: str | None
    begun: Annotated[bool, Field(description="False: it goes on already, or it is a preview.")]
    cost: Cost


class Comparison(Selection):
    """Which companies to compare."""

    accept_deletions: Annotated[
        bool,
        Field(
            description="Mark companies deleted that Codat does not know, however many. Else it"
            " stops at more than 20 that are over 5 %, as with another client's key."
        ),
    ] = False


class RunPath(BaseModel):
    """Which reconciliation."""

    reconciliation_id: Annotated[str, Field(max_length=100)]


class ListQuery(Given):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20


@api.post(
    "/reconciliations",
    responses={200: Begun, 202: Begun, **described("forbidden", "unknown-company")},
)
def begin_reconciliation(body: Comparison) -> Reply:
    """Compare all companies with Codat's record (a call per page), or some (a call each)."""
    store, now = services().store, now_ms()
    ids = [] if body.all else [company.id for company in chosen(body)]
    companies = store.companies.count() if body.all else len(ids)
    pages = -(-max(1, companies) // services().settings.relay_reconcile_page_size)
    cost = cost_of(companies, pages if body.all else len(ids))
    if body.preview or not (body.all or ids):
        return Begun(id=None, begun=False, cost=cost).model_dump(), HTTPStatus.OK
    run = f"{caller().name}-{now}"
    going, begun = store.reconciles.begin(
        run, cause=ASKED_FOR, now=now, chosen=ids, accept_deletions=body.accept_deletions
    )
    if begun and store.intents.may_hint():
        services().hints.perform()
    return Begun(id=going, begun=begun, cost=cost).model_dump(), HTTPStatus.ACCEPTED


@api.get("/reconciliations", responses={200: Reconciliations})
def list_reconciliations(query: ListQuery) -> Reply:
    """List the latest."""
    runs = services().store.reconciles.latest(query.limit)
    return Reconciliations(reconciliations=[_shape(run) for run in runs]).model_dump()


@api.get(
    "/reconciliations/<reconciliation_id>",
    responses={200: Reconciliation, **described("not-found")},
)
def get_reconciliation(path: RunPath) -> Reply:
    """Show how one goes, and what it found."""
    return _shape(_known(path)).model_dump()


@api.post(
    "/reconciliations/<reconciliation_id>/abort",
    description="One that is aborted already stays so. One that ended in another way is a 409.",
    responses={200: Reconciliation, **described("forbidden", "not-found", "conflict")},
)
def abort_reconciliation(path: RunPath) -> Reply:
    """Stop one; what it has healed stays."""
    if not services().store.reconciles.end(_known(path), Phase.ABORTED, now_ms()):
        raise Refusal("conflict", NOTHING_TO_STOP)
    return _shape(_known(path)).model_dump()


def _known(path: RunPath) -> Run:
    run = services().store.reconciles.get(path.reconciliation_id)
    if run is None:
        latest = services().store.reconciles.latest(MOST_NEAR)
        near = hint(path.reconciliation_id, [one.id for one in latest])
        raise Refusal("not-found", f"Look at /v1/reconciliations for those there are{near}.")
    return run


def _shape(run: Run) -> Reconciliation:
    return Reconciliation(
        id=run.id,
        cause=run.cause,
        phase=run.phase,
        started=iso_from_ms(run.started),
        finished=iso_from_ms(run.finished) if run.finished else None,
        companies=run.total,
        compared=run.compared,
        calls=run.figures.get("calls", 0),
        healed=run.figures.get("healed", 0),
        **run.drift,
        gone=run.figures.get("gone", 0),
        accept_deletions=run.accepts_deletions,
        webhooks=run.figures.get("webhooks", 0),
        miss_rate=run.miss_rate,
        by_event_type_and_hour={
            what: {f"{hour}:00:00.000Z": count for hour, count in hours.items()}
            for what, hours in run.by_event_type_and_hour.items()
        },
    )
