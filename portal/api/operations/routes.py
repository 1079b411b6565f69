"""How things stand, and what could not be handled: for whoever runs the service."""

from typing import Annotated, Any

import orjson
from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from portal.api.messages.routes import shown, shown_reason
from portal.api.operations import figures
from portal.http.groups import Given, Reply, group
from portal.services import services
from relay.store.intents.budget import BudgetState
from relay.times import Moment, iso_from_ms, now_ms

api = group(
    "operations",
    __name__,
    Tag(name="Operations", description="How the service does, and what it could not handle."),
)

LONGEST_BODY = 2000  # characters of a dead letter's body that are shown


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
    held_until: Annotated[
        Moment | None, Field(description="Until when nobody asks Codat anything.")
    ]
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
            description="Numbers in the log that readers met and whose entries are damaged: told as"
            " `event.unreadable`, or with the nearest time there is."
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
    readers: Annotated[Readers, Field(description="Subscriptions, and what they cannot be told.")]
    heartbeats: Annotated[dict[str, Moment], Field(description="Each process's last sign of life.")]
    server: str
    durability: str
    server_faults: Annotated[
        list[str], Field(description="Why nothing is acknowledged now: what the server lacks.")
    ]
    uses_sandbox: Annotated[bool, Field(description="The sandbox stands in for Codat.")]


@api.get("/status", responses={200: Status})
def get_status() -> Reply:
    """Tell how things stand."""
    p = services()
    found = figures.read(p.store)
    return Status(
        messages=found.messages,
        intents=found.intents,
        budget=budget_shape(found.budget),
        companies=found.companies,
        schedules=found.schedules,
        last_event=str(found.last_event),
        lanes=p.store.inbox.lanes,
        clocks=found.clocks,
        queues=found.queues,
        readers=_readers(found),
        heartbeats={name: iso_from_ms(at) for name, at in sorted(found.heartbeats.items())},
        server=p.store.server.version,
        durability=p.store.server.durability,
        server_faults=list(p.store.guard.faults().values()),
        uses_sandbox=p.settings.uses_sandbox,
    ).model_dump()


def _readers(found: figures.Figures) -> Readers:
    active = [one for one in found.readers if one.active]
    return Readers(
        active=len(active),
        paused=len(found.readers) - len(active),
        failing=sum(one.failures > 0 for one in active),
        behind=max((one.behind for one in active), default=0),
        stuck=[one.id for one in active if one.stuck],
        damaged=[str(number) for number in found.damaged],
    )


@api.get("/dead-letters", responses={200: DeadLetters})
def list_dead_letters(query: DeadLetterQuery) -> Reply:
    """List messages that could not be handled, newest first."""
    letters = services().store.inbox.dead_letters(query.limit)
    return DeadLetters(dead_letters=[_letter(letter) for letter in letters]).model_dump()


def _letter(fields: dict[str, Any]) -> DeadLetter:
    reason = shown_reason(fields["reason"], fields["body"])
    body = shown(fields["body"])
    if not isinstance(body, str):
        body = orjson.dumps(body).decode()
    return DeadLetter(
        id=fields["id"],
        received=iso_from_ms(int(fields["entry"].partition("-")[0])),
        lane=int(fields["lane"]),
        entry=fields["entry"],
        type=fields["type"],
        company_id=fields["company"] or None,
        reason=reason,
        body=body[:LONGEST_BODY],
        body_is_cut=len(body) > LONGEST_BODY,
    )


def budget_shape(state: BudgetState) -> Budget:
    """Show the budget as it stands."""
    held = state.hold_until > now_ms()
    return Budget(
        daily_limit=state.limit,
        remaining=state.remaining,
        resets=iso_from_ms(state.reset) if state.reset else None,
        reserved=state.reserved,
        held_until=iso_from_ms(state.hold_until) if held else None,
        calls_last_minute=state.calls_last_minute,
        calls_per_minute=state.calls_per_minute,
        under_way=state.under_way,
    )
