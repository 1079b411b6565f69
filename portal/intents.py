"""What is to be done at Codat: what waits, what was given up, and giving it another try."""

from http import HTTPStatus
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from portal.groups import Given, Reply, described, group
from portal.parts import parts
from portal.selections import leave
from relay.store.intents import IntentRecord
from relay.times import iso_from_ms, now_ms

api = group("intents", __name__, "Intents")

MOST_SCANNED = 10_000


class IntentQuery(Given):
    """Which intents."""

    state: Annotated[str, Field(pattern="^(waiting|dead)$")] = "waiting"
    kind: Annotated[str | None, Field(max_length=32, examples=["info"])] = None
    company: Annotated[str | None, Field(max_length=64)] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class IntentShape(BaseModel):
    """One thing to be done at Codat."""

    name: str
    kind: str
    company_id: str
    state: Annotated[str, Field(description="due, running or dead")]
    priority: str
    attempts: int
    created: str
    due: Annotated[str, Field(description="When it is tried next; for dead ones, when given up.")]
    cause: str
    last_error: str | None


class IntentList(BaseModel):
    """Intents, the soonest due first, or the latest given up first."""

    intents: list[IntentShape]


class Retry(Given):
    """Which dead intents to try again: by name, by a filter, or all."""

    names: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    kind: Annotated[str | None, Field(max_length=32)] = None
    company: Annotated[str | None, Field(max_length=64)] = None
    all: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        filtered = self.kind is not None or self.company is not None
        if [bool(self.names), filtered, self.all].count(True) != 1:
            raise ValueError("give either `names`, or a filter, or `all`: true")
        return self


class Retried(BaseModel):
    """How many are tried again."""

    retried: int


@api.get("/intents", responses={200: IntentList})
def list_intents(query: IntentQuery) -> Reply:
    """List what is to be done at Codat, with attempts and the last error."""
    found = []
    for record in parts().store.intents.records(query.state, MOST_SCANNED):
        if _fits(record, query.kind, query.company):
            found.append(_shape(record))
        if len(found) == query.limit:
            break
    return IntentList(intents=found).model_dump()


@api.post("/intents/retry", responses={202: Retried, **described("forbidden")})
def retry_intents(body: Retry) -> Reply:
    """Give dead intents another try. What waits is due already, and is left alone."""
    names = set(body.names)
    dead = [
        record
        for record in parts().store.intents.records("dead", MOST_SCANNED)
        if (record.name in names if names else _fits(record, body.kind, body.company))
    ]
    now = now_ms()
    leave([record.again(now) for record in dead])
    return Retried(retried=len(dead)).model_dump(), HTTPStatus.ACCEPTED


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
