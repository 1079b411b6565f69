"""Reconciliations, as they are asked for and shown."""

from typing import Annotated

from pydantic import BaseModel, Field

from portal.http.company_selection import Cost, Selection
from portal.http.groups import Given
from relay.store.companies.reconciliations import Phase, Run
from relay.times import Millis, Moment, iso_from_ms


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
    wrong: Annotated[int, Field(description="Differences that no webhook explains.")]
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


def reconciliation_shape(run: Run) -> Reconciliation:
    """Return a reconciliation as the API shows it."""
    return Reconciliation(
        id=run.id,
        cause=run.cause,
        phase=run.phase,
        started=iso_from_ms(Millis(run.started)),
        finished=iso_from_ms(Millis(run.finished)) if run.finished else None,
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
