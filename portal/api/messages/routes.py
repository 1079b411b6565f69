"""What Codat sent, as it was kept: searched by company, type, time and result."""

from typing import Any

from codat.bodies import load, text_of
from codat.capabilities import hidden, hidden_body, hidden_text
from codat.times import is_plausible, utc_text
from portal.api.messages.schemas import MessageList, MessagePath, MessageQuery, MessageShape
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.http.tags import MESSAGES
from portal.services import services
from relay.events.catalogue import DATED
from relay.inbox.replay_filter import redacted, redacted_reason
from relay.store.inbox.messages import Kept, read_id
from relay.times import (
    Micros,
    Millis,
    Seconds,
    iso_from_micros,
    iso_from_ms,
    micros_to_seconds,
    millis_to_seconds,
)

api = group("messages", __name__, MESSAGES)

SCAN_LIMIT = 10_000
IN_SECONDS = ("ends", "until")  # of what actions hold, in seconds since the epoch
SEARCHING = (
    "The newest first. A page may be short or empty and still have a `next`: go on until it is"
    " null. Fields named by RELAY_REDACT_FIELDS are left out of the bodies."
)


@api.get("/messages", description=SEARCHING, responses={200: MessageList})
def list_messages(query: MessageQuery) -> Reply:
    """Search what Codat sent."""
    if query.before and read_id(query.before) is None:
        raise Refusal("invalid", "`before` must be the `next` of an answer.")
    found = services().store.messages.newest(query.wanted(), query.before, query.limit, SCAN_LIMIT)
    return MessageList(
        messages=[_shape(kept) for kept in found.messages], next=found.next
    ).model_dump()


@api.get("/messages/<message_id>", responses={200: MessageShape, **described("not-found")})
def get_message(path: MessagePath) -> Reply:
    """Return one message."""
    kept = services().store.messages.get(path.message_id)
    if kept is None:
        raise Refusal("not-found", "It is not kept, or was never there.")
    return _shape(kept).model_dump()


def _shape(kept: Kept) -> MessageShape:
    message = kept.message
    body = shown(message.body)
    return MessageShape(
        id=kept.id,
        message_id=message.message_id,
        received=iso_from_ms(message.received),
        kind=message.kind,
        source=message.source,
        type=message.type,
        company_id=message.company_id,
        result=kept.result,
        reason=shown_reason(kept.reason, message.body) if kept.reason else None,
        replay=message.replay or None,
        body=_in_words(body) if message.kind == "action" else body,
    )


def _in_words(found: Any, name: str = "") -> Any:
    """Return an action of ours with its moments as answers write them.

    It holds those of ours as numbers, and Codat's without a zone.
    """
    if isinstance(found, dict):
        return {inner: _in_words(value, inner) for inner, value in found.items()}
    if isinstance(found, list):
        return [_in_words(value, name) for value in found]
    if isinstance(found, str) and name.lower().endswith(DATED):
        return utc_text(found)
    if isinstance(found, int):
        if is_plausible(micros_to_seconds(Micros(found))):
            return iso_from_micros(Micros(found))
        if is_plausible(millis_to_seconds(Millis(found))):
            return iso_from_ms(Millis(found))
        if name in IN_SECONDS and is_plausible(Seconds(found)):
            return iso_from_ms(Millis(found * 1_000))
    return found


def shown_reason(reason: str, raw: bytes) -> str:
    """Return why a message could not be handled, without values that are not to be shown."""
    redacted = redacted_reason(reason, raw, frozenset(services().settings.relay_redact_fields))
    return hidden_text(redacted)


def shown(raw: bytes) -> Any:
    """Return a body without the fields that are not to be shown; one that is no JSON as text.

    Addresses, tokens and codes that open something are hidden. None for a body that is no JSON
    when some fields are hidden, as its fields cannot be told apart.
    """
    fields = frozenset(services().settings.relay_redact_fields)
    try:
        return redacted(hidden(load(raw)), fields)
    except ValueError:
        return None if fields else hidden_body(text_of(raw))
