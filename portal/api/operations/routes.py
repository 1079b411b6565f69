"""How the service does, and which messages could not be handled: for its operator."""

from typing import Any

import orjson
from flask_openapi.models.tag import Tag

from portal.api.messages.routes import shown, shown_reason
from portal.api.operations import figures
from portal.api.operations.schemas import (
    Budget,
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    Readers,
    Status,
)
from portal.http.groups import Reply, group
from portal.services import services
from relay.store.intents.budget import BudgetState
from relay.times import Millis, iso_from_ms, now_ms

api = group(
    "operations",
    __name__,
    Tag(name="Operations", description="How the service does, and what it could not handle."),
)

MAX_BODY_SHOWN = 2000  # characters of a dead letter's body that are shown


@api.get("/status", responses={200: Status})
def get_status() -> Reply:
    """Report how things stand."""
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
        heartbeats={name: iso_from_ms(Millis(at)) for name, at in sorted(found.heartbeats.items())},
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
        received=iso_from_ms(Millis(int(fields["entry"].partition("-")[0]))),
        lane=int(fields["lane"]),
        entry=fields["entry"],
        type=fields["type"],
        company_id=fields["company"] or None,
        reason=reason,
        body=body[:MAX_BODY_SHOWN],
        body_is_cut=len(body) > MAX_BODY_SHOWN,
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
