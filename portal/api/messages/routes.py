"""What Codat sent, as it was kept: searched by company, type, time and result."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from codat.bodies import load, text_of
from codat.capabilities import hidden, hidden_body, hidden_text
from codat.times import is_plausible, utc_text
from portal.api.events.routes import EventType
from portal.http.groups import AskedMoment, Given, GivenCompany, Reply, described, group
from portal.http.problems import Refusal
from portal.http.tags import MESSAGES
from portal.services import services
from relay.events.catalogue import DATED
from relay.inbox.replay_filter import MessageFilter, redacted, redacted_reason
from relay.store.inbox.messages import Kept, read_id
from relay.times import (
    Micros,
    Millis,
    Moment,
    Seconds,
    iso_from_micros,
    iso_from_ms,
    micros_to_seconds,
    millis_to_seconds,
    ms_of,
)

api = group("messages", __name__, MESSAGES)

MOST_SCANNED = 10_000
IN_SECONDS = ("ends", "until")  # of what actions hold, in seconds since the epoch
SEARCHING = (
    "The newest first. A page may be short or empty and still have a `next`: go on until it is"
    " null. Fields named by RELAY_REDACT_FIELDS are left out of the bodies."
)


class Filter(Given):
    """Which messages."""

    company: GivenCompany | None = None
    type: Annotated[list[EventType], Field(default_factory=list, max_length=20)]
    since: AskedMoment | None = None
    until: AskedMoment | None = None
    result: Literal["applied", "dead", "waiting"] | None = None

    def wanted(self, ids: tuple[str, ...] = ()) -> MessageFilter:
        """Give the filter as the store takes it."""
        return MessageFilter(
            company=self.company,
            types=tuple(self.type),
            since=None if self.since is None else ms_of(self.since),
            until=None if self.until is None else ms_of(self.until),
            result=self.result,
            ids=ids,
        )


class MessageQuery(Filter):
    """Which messages, and from where on."""

    before: Annotated[str | None, Field(max_length=64, description="`next` of the page.")] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class MessageShape(BaseModel):
    """One message as Codat sent it; `replay` is set where it was put in again."""

    id: str
    message_id: str
    received: Moment
    kind: str
    source: str
    type: str
    company_id: str | None
    result: str
    reason: Annotated[str | None, Field(description="Why it could not be handled.")]
    replay: str | None
    body: Any


class MessageList(BaseModel):
    """Messages, and where to go on."""

    messages: list[MessageShape]
    next: str | None


class MessagePath(BaseModel):
    """Which message."""

    message_id: Annotated[str, Field(max_length=64, description="`id` of the list.")]


@api.get("/messages", description=SEARCHING, responses={200: MessageList})
def list_messages(query: MessageQuery) -> Reply:
    """Search what Codat sent."""
    if query.before and read_id(query.before) is None:
        raise Refusal("invalid", "`before` must be the `next` of an answer.")
    found = services().store.messages.newest(
        query.wanted(), query.before, query.limit, MOST_SCANNED
    )
    return MessageList(
        messages=[_shape(kept) for kept in found.messages], next=found.next
    ).model_dump()


@api.get("/messages/<message_id>", responses={200: MessageShape, **described("not-found")})
def get_message(path: MessagePath) -> Reply:
    """Give one message."""
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
            return iso_from_micros(found)
        if is_plausible(millis_to_seconds(Millis(found))):
            return iso_from_ms(found)
        if name in IN_SECONDS and is_plausible(Seconds(found)):
            return iso_from_ms(found * 1_000)
    return found


def shown_reason(reason: str, raw: bytes) -> str:
    """Give why a message could not be handled, without values that are not to be shown."""
    redacted = redacted_reason(reason, raw, frozenset(services().settings.relay_redact_fields))
    return hidden_text(redacted)


def shown(raw: bytes) -> Any:
    """Give a body without the fields that are not to be shown; one that is no JSON as text.

    Nobody is shown an address, token or code that opens something. None for a body that is no JSON
    where fields are not to be shown, as it cannot be told what is in it.
    """
    fields = frozenset(services().settings.relay_redact_fields)
    try:
        return redacted(hidden(load(raw)), fields)
    except ValueError:
        return None if fields else hidden_body(text_of(raw))
