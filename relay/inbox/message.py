"""One entry of a lane: a webhook as Codat sent it, or an action of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson

from codat.bodies import canonical
from codat.webhook import Event, Malformed, parse
from relay.times import Micros, Millis

Kind = Literal["webhook", "action"]
_MAX_DIGITS = 16  # digits; as many as any time in ms has that can be written out
MALFORMED = "malformed"  # the type of a genuine message whose body cannot be read


@dataclass(frozen=True, slots=True)
class Action:
    """What we did or learned at Codat, applied to the company through its lane.

    `at` is when it was asked (microseconds since the epoch), which is its version: an answer is
    never newer than its question. `priority` is that of the work it came of: what follows from it
    is no more urgent.
    """

    id: str
    type: str
    company_id: str
    at: Micros
    payload: dict[str, Any]
    priority: int | None = None

    @property
    def version(self) -> tuple[int, str]:
        """What orders this among a company's events."""
        return (self.at, self.id)


@dataclass(frozen=True, slots=True)
class Message:
    """One entry as read from its lane; `received` is ms since the epoch."""

    entry: str
    kind: str
    source: str
    message_id: str
    type: str
    company_id: str | None
    received: Millis
    body: bytes
    replay: str = ""  # which replay put it here again
    priority: int | None = None  # of the work that an action came of
    again: bool = False  # taken in while markers were missing: it may have been handled before

    @classmethod
    def from_entry(cls, entry: bytes, fields: Mapping[bytes, bytes]) -> "Message":
        """Read what `webhook_fields` or `action_fields` wrote; never raises.

        What else lies there is a message too, which `read` finds malformed: it costs itself alone.
        """
        return cls(
            entry=entry.decode(),
            kind=fields.get(b"kind", b"").decode(errors="replace"),
            source=fields.get(b"source", b"default").decode(errors="replace"),
            message_id=fields.get(b"id", b"").decode(errors="replace"),
            type=fields.get(b"type", MALFORMED.encode()).decode(errors="replace"),
            company_id=fields.get(b"company", b"").decode(errors="replace") or None,
            received=Millis(_whole(fields.get(b"received")) or int(entry.split(b"-", 1)[0])),
            body=fields.get(b"body", b""),
            replay=fields.get(b"replay", b"").decode(errors="replace"),
            priority=_whole(fields.get(b"priority")),
            again=b"again" in fields,
        )

    def read(self) -> Event | Action:
        """Parse the body; raises Malformed when it cannot be read."""
        if self.kind == "webhook":
            return parse(self.body)
        try:
            content = orjson.loads(self.body)
            return Action(
                self.message_id, self.type, self.company_id or "", content["at"], content["payload"]
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Malformed(f"not an action of ours: {error}") from None


def _whole(text: bytes | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) <= _MAX_DIGITS else None


def fingerprint(event_id: str, body: bytes) -> str:
    """Return the fingerprint of a webhook: a resend, by anyone, has the same.

    The id alone is not enough: Codat's test events of all types share one, and an alert of the
    older service may have that of an event of today's.
    """
    return sha256(event_id.encode() + b"\0" + canonical(body)).hexdigest()[:40]


def webhook_fields(
    *, source: str, message_id: str, event_type: str, company_id: str | None, body: bytes
) -> dict[str, str | bytes]:
    """Return a webhook's stream fields, the body as it was signed."""
    return {
        "kind": "webhook",
        "source": source,
        "id": message_id,
        "type": event_type,
        "company": company_id or "",
        "body": body,
    }


def message_fields(message: Message, *, replay: str) -> dict[str, str | bytes]:
    """Return the stream fields of a message that is put into its lane again by this replay."""
    return {
        "kind": message.kind,
        "source": message.source,
        "id": message.message_id,
        "type": message.type,
        "company": message.company_id or "",
        "received": str(message.received),
        "replay": replay,
        "body": message.body,
    }


def action_fields(action: Action) -> dict[str, str | bytes]:
    """Return an action's stream fields."""
    return {
        "kind": "action",
        "id": action.id,
        "type": action.type,
        "company": action.company_id,
        "body": action_body(action.at, action.payload),
        **({} if action.priority is None else {"priority": str(int(action.priority))}),
    }


def action_body(at: Micros, payload: dict[str, Any]) -> bytes:
    """Return an action's content as it is kept in the stream."""
    return orjson.dumps({"at": at, "payload": payload})
