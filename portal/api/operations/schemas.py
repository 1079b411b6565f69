"""How the status and the dead letters look to those who ask the API."""

from typing import Annotated

from pydantic import BaseModel, Field

from portal.http.groups import Given
from relay.times import Moment


class DeadLetterQuery(Given):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100


class DeadLetter(BaseModel):
    """A message that could not be handled, and why; a long `body` is cut."""

    id: str
    received: Moment
    lane: int
    entry: str
    type: str
    company_id: str | None
    reason: str
    body: str
    body_is_cut: bool


class DeadLetters(BaseModel):
    """Messages that could not be handled, newest first."""

    dead_letters: list[DeadLetter]


class Budget(BaseModel):
    """The calls to Codat that all processes share; null where Codat has not said."""

    daily_limit: int | None
    remaining: Annotated[int | None, Field(description="Calls left until `resets`.")]
    resets: Moment | None
    reserved: Annotated[int, Field(description="Of these, kept for follow-ups of links.")]
    held_until: Annotated[Moment | None, Field(description="Until when no call to Codat is made.")]
    calls_last_minute: int
    calls_per_minute: Annotated[int, Field(description="The most in a minute, by setting.")]
    under_way: int


class Readers(BaseModel):
    """How those that get the log get on."""

    active: int
    paused: int
    failing: Annotated[int, Field(description="Active, and the last delivery was not taken.")]
    behind: Annotated[int, Field(description="Events that the slowest active one has not had.")]
    stuck: Annotated[
        list[str],
        Field(description="Active ones that get nothing more, though the log grew minutes ago."),
    ]
    damaged: Annotated[
        list[str],
        Field(
            description="Numbers in the log that readers met and whose entries are damaged: shown"
            " as `event.unreadable`, or with the nearest time there is."
        ),
    ]


class Status(BaseModel):
    """How things stand."""

    messages: Annotated[dict[str, int], Field(description="Messages taken in, and what waits.")]
    intents: Annotated[dict[str, int], Field(description="What waits to be done at Codat.")]
    budget: Budget
    companies: int
    schedules: int
    last_event: str
    lanes: int
    clocks: Annotated[
        dict[str, float],
        Field(description="Seconds by which a machine's clock is ahead of the server's."),
    ]
    queues: Annotated[dict[str, int], Field(description="Hints that wait for a worker, by queue.")]
    readers: Annotated[
        Readers, Field(description="Subscriptions, and what cannot be delivered to them.")
    ]
    heartbeats: Annotated[dict[str, Moment], Field(description="Each process's last heartbeat.")]
    server: str
    durability: str
    server_faults: Annotated[
        list[str], Field(description="Why nothing is acknowledged now: what the server lacks.")
    ]
    uses_sandbox: Annotated[bool, Field(description="The sandbox stands in for Codat.")]
