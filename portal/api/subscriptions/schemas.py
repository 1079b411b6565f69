"""Subscriptions as they are sent to the API and shown by it; a secret is shown once, when made."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from codat.capabilities import hidden_text
from portal.api.events.schemas import ToldType
from portal.http.groups import MAX_NUMBER, Given, Sent
from relay.delivery import addresses
from relay.delivery.subscription import MAX_BATCH, Secret
from relay.store.delivery.subscriptions import Attempt, SubscriptionState
from relay.times import Millis, Moment, iso_from_ms, now_ms


def _postable(value: str) -> str:
    try:
        addresses.parse(value)
    except addresses.Forbidden as error:
        raise ValueError(str(error)) from None
    return value


Url = Annotated[
    str,
    AfterValidator(_postable),
    Field(max_length=2048, description="https://, of a public host.", examples=["https://x.test/"]),
]
Types = Annotated[
    list[ToldType],
    Field(
        max_length=50, description="Wanted types, all when empty; one that ends in * takes more."
    ),
]
Companies = Annotated[
    list[Annotated[str, Field(max_length=64)]],
    Field(max_length=1000, description="Ids of the companies wanted, all when empty."),
]
Description = Annotated[str, Field(max_length=200)]
Batch = Annotated[
    int, Field(ge=1, le=MAX_BATCH, description="Events per delivery; above 1 as an array.")
]
After = Annotated[
    int, Field(ge=0, le=MAX_NUMBER, description="Deliver what comes after this number of the log.")
]


class SubscriptionPath(BaseModel):
    """Which subscription."""

    subscription_id: Annotated[str, Field(max_length=64)]


class AttemptQuery(Given):
    """How many, and whether all or only those that were taken, or were not."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    taken: bool | None = None


class SubscriptionBody(Sent):
    """A new subscription."""

    url: Url
    types: Annotated[Types, Field(default_factory=list)]
    companies: Annotated[Companies, Field(default_factory=list)]
    description: Description = ""
    batch: Batch = 1
    after: After | None = None


class SubscriptionChange(Sent):
    """What to change; what is left out stays."""

    url: Url | None = None
    types: Types | None = None
    companies: Companies | None = None
    description: Description | None = None
    batch: Batch | None = None
    after: After | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what to change")
        return self


class SecretBody(Sent):
    """How to rotate."""

    overlap_hours: Annotated[
        float, Field(ge=0, le=720, description="How long the former secret signs too.")
    ] = 24

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_the_default(cls, value: Any) -> Any:
        return {} if value is None else value


class SubscriptionShape(BaseModel):
    """A subscription and how it stands."""

    id: str
    url: Annotated[str, Field(description="Without codes and tokens that stand in it.")]
    types: list[str]
    companies: list[str]
    description: str
    batch: int
    created: Moment
    state: str
    reason: Annotated[str | None, Field(description="Why it is paused.")]
    cursor: Annotated[str, Field(description="All up to this number is delivered or left out.")]
    behind: Annotated[int, Field(description="Events of the log after the cursor.")]
    failures: Annotated[int, Field(description="Failures in a row.")]
    failing_since: Moment | None
    next_attempt: Moment | None
    secrets_end: Annotated[list[Moment], Field(description="When former secrets stop signing.")]


class SubscriptionMade(SubscriptionShape):
    """A new subscription with its signing secret, which is not shown again."""

    secret: str


class SubscriptionList(BaseModel):
    """All subscriptions."""

    subscriptions: list[SubscriptionShape]


class NewSecret(BaseModel):
    """The new signing secret, which is not shown again, and when the former one ends."""

    secret: str
    former_until: Moment


class AttemptShape(BaseModel):
    """One delivery: when, of which events, and what the subscriber answered."""

    at: Moment
    events: int
    first: str
    last: str
    taken: bool
    status: int | None
    ms: Annotated[int, Field(description="How long it took, in milliseconds.")]
    body: Annotated[str, Field(description="The first bytes of the answer.")]
    error: str
    next_attempt: Moment | None


class AttemptList(BaseModel):
    """The latest attempts, the newest first."""

    attempts: list[AttemptShape]


class Tested(BaseModel):
    """What the subscriber answered to a test."""

    taken: bool
    status: int | None
    ms: int
    body: str
    error: str


def subscription_shape(held: SubscriptionState, last: int) -> SubscriptionShape:
    """Return a subscription as the API shows it; `last` is the newest number of the log."""
    one, now = held.subscription, now_ms()
    return SubscriptionShape(
        id=one.id,
        url=hidden_text(one.url),
        types=list(one.types),
        companies=list(one.companies),
        description=one.description,
        batch=one.batch,
        created=iso_from_ms(Millis(one.created)),
        state=held.state,
        reason=held.reason or None,
        cursor=str(held.cursor),
        behind=max(0, last - held.cursor),
        failures=held.failures,
        failing_since=None if held.failing_since is None else iso_from_ms(held.failing_since),
        next_attempt=iso_from_ms(held.due) if held.failures and held.due else None,
        secrets_end=[iso_from_ms(Millis(until)) for until in _ends(one.secrets) if until > now],
    )


def attempt_shape(one: Attempt) -> AttemptShape:
    """Return an attempt as the API shows it."""
    return AttemptShape(
        at=iso_from_ms(one.at),
        events=one.events,
        first=one.first,
        last=one.last,
        taken=one.taken,
        status=one.status,
        ms=one.ms,
        body=hidden_text(one.body),
        error=one.error,
        next_attempt=None if one.next_at is None else iso_from_ms(Millis(one.next_at)),
    )


def _ends(secrets: tuple[Secret, ...]) -> list[int]:
    return [one.until for one in secrets if one.until is not None]
