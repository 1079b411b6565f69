"""Which messages are asked for, and how they look to those who ask the API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from portal.api.events.schemas import EventType
from portal.http.groups import AskedMoment, Given, GivenCompany
from relay.inbox.replay_filter import MessageFilter
from relay.times import (
    Moment,
    ms_of,
)


class Filter(Given):
    """Which messages."""

    company: GivenCompany | None = None
    type: Annotated[list[EventType], Field(default_factory=list, max_length=20)]
    since: AskedMoment | None = None
    until: AskedMoment | None = None
    result: Literal["applied", "dead", "waiting"] | None = None

    def wanted(self, ids: tuple[str, ...] = ()) -> MessageFilter:
        """Return the filter as the store takes it."""
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
