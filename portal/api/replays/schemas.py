"""How replays look to those who ask the API."""

from typing import Annotated

from pydantic import BaseModel, Field

from portal.api.messages.schemas import Filter
from portal.http.groups import Given, Sent
from relay.store.inbox.replays import Replay
from relay.times import Moment, iso_from_ms

AT_LEAST = "There are more than `messages`: counting them all would take too long."


class ReplayBody(Sent, Filter):
    """Which messages: named by `messages`, or by a filter; an empty body takes all."""

    messages: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(default_factory=list, max_length=1000)
    ]
    preview: Annotated[bool, Field(description="Only count, and show which companies.")] = False


class ReplayPreview(BaseModel):
    """What a replay would take."""

    messages: int
    at_least: Annotated[bool, Field(description=AT_LEAST)]
    companies: int
    by_type: dict[str, int]
    by_company: Annotated[dict[str, int], Field(description="Those with the most messages.")]


class ReplayShape(BaseModel):
    """A replay and how far it has come."""

    id: str
    state: Annotated[str, Field(description="running, aborted or done")]
    by: str
    created: Moment
    messages: Annotated[int, Field(description="How many it is to take.")]
    at_least: Annotated[bool, Field(description=AT_LEAST)]
    queued: int
    handled: int
    already_applied: Annotated[int, Field(description="Messages of which nothing was missing.")]
    events_added: int
    dead: Annotated[int, Field(description="Messages that could not be handled.")]


class ReplayList(BaseModel):
    """The newest replays first."""

    replays: list[ReplayShape]


class ReplayPath(BaseModel):
    """Which replay."""

    replay_id: Annotated[str, Field(max_length=64)]


class ReplayQuery(Given):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20


def shape(replay: Replay) -> ReplayShape:
    """Return a replay as the API shows it."""
    return ReplayShape(
        id=replay.id,
        state=replay.shown_state,
        by=replay.by,
        created=iso_from_ms(replay.created),
        messages=replay.total if replay.counted else max(replay.total, replay.queued),
        at_least=not replay.counted and replay.state != "queued",
        queued=replay.queued,
        handled=replay.tally.handled,
        already_applied=replay.tally.already,
        events_added=replay.tally.added,
        dead=replay.tally.dead,
    )
