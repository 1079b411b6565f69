"""What is to be done at Codat: what waits, what was given up, and giving it another try."""

from http import HTTPStatus
from typing import Annotated, Self

from flask_openapi.models.tag import Tag
from pydantic import AfterValidator, BaseModel, Field, model_validator

from portal.http.auth import caller
from portal.http.company_selection import Cost, cost_of
from portal.http.groups import Given, Reply, Sent, described, group
from portal.services import services
from relay.inbox.message import Action
from relay.nearest import hint
from relay.services.enqueue_intents import enqueue_intents
from relay.store.intents.kinds import kinds
from relay.store.intents.listing import IntentRecord
from relay.store.intents.queue import Intent, Priority
from relay.times import Moment, iso_from_ms, now_micros, now_ms

api = group(
    "intents",
    __name__,
    Tag(name="Intents", description="What is to be done at Codat, and what was given up."),
)

MOST_SCANNED = 10_000
MOST_RETRIED = 100_000
AT_ONCE = 200  # intents taken out of the workers' hands at once
LEASE_MS = 90_000  # until when what was taken must be ended


def _known_kind(value: str | None) -> str | None:
    if value is not None and value not in kinds():
        raise ValueError(f"is no kind of intent{hint(value, kinds())}")
    return value


Kind = Annotated[str | None, Field(max_length=32, examples=["info"]), AfterValidator(_known_kind)]
CompanyId = Annotated[str | None, Field(pattern="^[A-Za-z0-9-]{1,64}$")]


class IntentQuery(Given):
    """Which intents."""

    state: Annotated[
        str, Field(pattern="^(waiting|running|dead)$", description="`waiting` has the running too.")
    ] = "waiting"
    kind: Kind = None
    company: CompanyId = None
    like: Annotated[
        str,
        Field(
            pattern="^[A-Za-z0-9:*_.-]{1,200}$",
            description="Only names that look like this; * stands for anything.",
            examples=["sync:*:now-*"],
        ),
    ] = "*"
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class IntentShape(BaseModel):
    """One thing to be done at Codat."""

    name: str
    kind: str
    company_id: str
    state: Annotated[str, Field(description="due, running or dead")]
    priority: str
    attempts: int
    created: Moment
    due: Annotated[
        Moment, Field(description="When it is tried next; for dead ones, when given up.")
    ]
    cause: str
    last_error: str | None


class IntentList(BaseModel):
    """Intents, the soonest due first, or the latest given up first."""

    intents: list[IntentShape]
    total: Annotated[int, Field(description="How many fit by their names, shown or not.")]


class Retry(Sent):
    """Which dead intents to run again: by name, by a filter, or all."""

    names: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    kind: Kind = None
    company: CompanyId = None
    all: bool = False
    preview: Annotated[bool, Field(description="Only tell how many, and what it would cost.")] = (
        False
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        filtered = self.kind is not None or self.company is not None
        if [bool(self.names), filtered, self.all].count(True) != 1:
            raise ValueError("give either `names`, or a filter, or `all`: true")
        return self


class Withdrawal(Sent):
    """Which waiting intents to stop: by name, or those asked for whose names look like this."""

    names: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    like: Annotated[
        str | None,
        Field(
            pattern="^[A-Za-z0-9:*_.-]{1,200}$",
            description="* stands for anything; takes only what a person asked for.",
            examples=["sync:*:all:now-1767600000000"],
        ),
    ] = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if bool(self.names) == (self.like is not None):
            raise ValueError("give either `names` or `like`")
        return self


class Withdrawn(BaseModel):
    """How many were stopped. What ran already is not: it ends by itself."""

    withdrawn: int
    running: Annotated[int, Field(description="Of those meant, under way at Codat by now.")]


class Retried(BaseModel):
    """How many are run again (with `preview`: would be), at a call or two each."""

    retried: int
    like: Annotated[list[str], Field(description="`like` of `GET /v1/intents` that shows them.")]
    cost: Cost


@api.get("/intents", responses={200: IntentList})
def list_intents(query: IntentQuery) -> Reply:
    """List what is to be done at Codat, with attempts and the last error."""
    intents = services().store.intent_list
    found = []
    like = _like(query.kind, query.company) if query.like == "*" else query.like
    for record in intents.walk(query.state, MOST_SCANNED, like):
        runs = query.state != "running" or record.state == "running"
        if runs and _fits(record, query.kind, query.company):
            found.append(_shape(record))
        if len(found) == query.limit:
            break
    return IntentList(intents=found, total=intents.count(query.state, like)).model_dump()


@api.post("/intents/retry", responses={200: Retried, 202: Retried, **described("forbidden")})
def retry_intents(body: Retry) -> Reply:
    """Run dead intents again. What waits is due already, and is left alone."""
    names = set(body.names)
    dead = [
        record
        for record in services().store.intent_list.walk("dead", MOST_RETRIED)
        if (record.name in names if names else _fits(record, body.kind, body.company))
    ]
    companies = {record.company_id for record in dead if record.company_id}
    calls = sum(record.priority is not Priority.LOCAL for record in dead)
    like = sorted({f"{record.kind}:*" for record in dead})
    cost = cost_of(len(companies), calls)
    answer = Retried(retried=len(dead), like=like, cost=cost).model_dump()
    if body.preview:
        return answer, HTTPStatus.OK
    now = now_ms()
    enqueue_intents(services().store, services().hints, [record.again(now) for record in dead], now)
    return answer, HTTPStatus.ACCEPTED


@api.post("/intents/withdraw", responses={200: Withdrawn, **described("forbidden")})
def withdraw_intents(body: Withdrawal) -> Reply:
    """Stop what waits and has not begun: it counts as given up, and can be run again."""
    store, names = services().store, list(body.names)
    if body.like is not None:
        found = store.intent_list.walk("waiting", MOST_RETRIED, body.like)
        names = [one.name for one in found if one.priority is Priority.NOW]
    withdrawn, reason = 0, f"withdrawn by {caller().name}"
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        for intent in store.intents.hold(some, LEASE_MS):
            withdrawn += _withdraw(intent, reason)
    left = store.intent_list.walk("waiting", MOST_RETRIED, body.like or "*")
    running = sum(one.state == "running" for one in left if one.name in set(names))
    return Withdrawn(withdrawn=withdrawn, running=running).model_dump()


def _withdraw(intent: Intent, reason: str) -> bool:
    store, now = services().store, now_ms()
    told = None
    if intent.kind == "sync":
        told = Action(
            id=f"{intent.name}#{intent.fence}",
            type="relay.sync_missed",
            company_id=intent.company_id,
            at=now_micros(),
            payload=intent.args | {"reason": reason},
        )
    lane = store.inbox.lane_of(intent.company_id)
    recorded, wake = store.intents.finish(
        intent, "dead", now=now, lane=lane, error=reason, expected=True, told=told
    )
    if wake:
        services().hints.drain(lane)
    return recorded


def _like(kind: str | None, company: str | None) -> str:
    """Give the names of a kind and a company: `<kind>:<company>`, and for some more behind it."""
    return f"{kind or '*'}:{company}*" if company else f"{kind}:*" if kind else "*"


def _fits(record: IntentRecord, kind: str | None, company: str | None) -> bool:
    return kind in (None, record.kind) and company in (None, record.company_id)


def _shape(record: IntentRecord) -> IntentShape:
    return IntentShape(
        name=record.name,
        kind=record.kind,
        company_id=record.company_id,
        state=record.state,
        priority=record.priority.name.lower(),
        attempts=record.attempts,
        created=iso_from_ms(record.created),
        due=iso_from_ms(record.due),
        cause=record.cause,
        last_error=record.last_error or None,
    )
