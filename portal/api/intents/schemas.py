"""Intents, as they are asked for, retried, withdrawn and shown."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from portal.http.company_selection import Cost
from portal.http.groups import Given, Sent
from relay.nearest import hint
from relay.store.intents.kinds import kinds
from relay.store.intents.listing import IntentRecord
from relay.times import Moment, iso_from_ms


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


def intent_shape(record: IntentRecord) -> IntentShape:
    """Return an intent as the API shows it."""
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
