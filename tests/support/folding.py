"""Fold webhooks and actions into a company without a store: what the handlers' tests ask."""

import json
from typing import Any

import orjson

from codat.webhook import Malformed, parse
from relay.companies.company import Company
from relay.events.catalogue import check
from relay.inbox.message import Message, action_body
from support.parts import START, company_id
from support.paths import PAYLOADS
from workers.inbox.fold import Folded, fold

NOW = 1_775_200_000_000  # ms: 2026-04-03, later than any sample
RECEIVED = NOW - 1000


def micros(seconds: float = 0) -> int:
    """The microseconds since the epoch of `parts.moment(seconds)`."""
    return int((START.timestamp() + seconds) * 1_000_000)


def payload(name: str, **changed: Any) -> dict[str, Any]:
    """One of the project's own samples, with parts of its envelope changed."""
    return json.loads((PAYLOADS / f"{name}.json").read_bytes()) | changed


def webhook(event: dict[str, Any]) -> Message:
    """The message that the receiver stores for this event."""
    body = orjson.dumps(event)
    try:
        read = parse(body)
        event_type, company = read.type, read.company_id
    except Malformed:
        event_type, company = "malformed", None
    entry = f"{RECEIVED}-0"
    return Message(entry, "webhook", "default", "msg_1", event_type, company, RECEIVED, body)


def action(kind: str, /, *, at: float = 0, id: str = "i#1", **told: Any) -> Message:
    """The message in which an action of ours is told to company 1."""
    body = action_body(micros(at), told)
    entry = f"{RECEIVED}-0"
    return Message(entry, "action", "default", id, kind, company_id(1), RECEIVED, body)


def apply(held: Company | None, *messages: Message, **more: Any) -> Folded:
    """Fold the messages one after another; what is given is what the last came to."""
    for message in messages:
        folded = fold(held, message, now=NOW, **more)
        held = folded.company or held
        for event in folded.events:
            check(event.type, orjson.loads(event.data))
    return folded


def company_after(*messages: Message, **more: Any) -> Company:
    """The company as it stands after these messages."""
    folded = apply(None, *messages, **more)
    assert folded.company is not None
    return folded.company


def logged(folded: Folded) -> list[tuple[str, dict[str, Any]]]:
    """What was logged, as type and data."""
    return [(event.type, orjson.loads(event.data)) for event in folded.events]


def types(folded: Folded) -> list[str]:
    return [event.type for event in folded.events]


def wanted(folded: Folded) -> dict[str, int]:
    """The intents left, by kind, with their delay in ms."""
    kinds = [need.name.removesuffix(f":{need.company_id}") for need in folded.needs]
    assert len(kinds) == len(set(kinds))
    return {kind: need.due - NOW for kind, need in zip(kinds, folded.needs, strict=True)}
