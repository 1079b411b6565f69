"""Replays: handle kept messages again, with a preview before and progress while they run."""

from collections import Counter
from http import HTTPStatus
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, Field

from portal.api.messages.routes import Filter
from portal.http.auth import caller
from portal.http.groups import Given, Reply, Sent, described, group
from portal.http.problems import Refusal
from portal.http.tags import MESSAGES
from portal.services import services
from relay.nearest import hint
from relay.store.inbox.messages import read_id
from relay.store.inbox.replays import Replay
from relay.times import Moment, iso_from_ms

api = group("replays", __name__, MESSAGES)

MOST_COMPANIES = 20  # shown in a preview
MOST_NEAR = 100  # replays among which one like an unknown id is looked for
MOST_COUNTED = 20_000  # messages counted before a replay begins, which takes about a second
MOST_LOOKED_AT = 100_000  # and looked at, where few are wanted
LONGEST = 500  # characters of messages that are not there
SOME_LACK = "Of these messages some are not kept, wait to be handled, or do not fit"
AT_LEAST = "There are more than `messages`: counting them all would take too long."
REPLAYING = (
    "Messages go through the same handlers once more. What a message has caused stands in the log"
    " and is not added again: only what is missing is, and a message of which nothing is missing"
    " counts as `already_applied`. Dead letters that are replayed are dead letters no more, unless"
    " they fail again."
)


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


@api.post(
    "/replays",
    description=REPLAYING,
    responses={200: ReplayPreview, 202: ReplayShape, **described("forbidden", "not-found")},
)
def begin_replay(body: ReplayBody) -> Reply:
    """Replay messages: one, some by a filter, or all."""
    store = services().store
    named = dict.fromkeys(map(read_id, body.messages))
    if None in named:
        raise Refusal("invalid", "`messages` takes the `id` of /v1/messages.")
    wanted = body.wanted(tuple(f"{place[0]}:{place[1]}" for place in named if place))
    types: Counter[str] = Counter()
    companies: Counter[str] = Counter()
    looked_at = store.messages.walk(wanted, None)
    for kept, takes in islice(looked_at, MOST_LOOKED_AT):
        if takes:
            types[kept.message.type] += 1
            companies[kept.message.company_id or ""] += 1
            named.pop(kept.place, None)
        if types.total() == MOST_COUNTED:
            break
    more = next(looked_at, None) is not None
    if types and named:
        missing = ", ".join(f"{place[0]}:{place[1]}" for place in named if place)
        raise Refusal("not-found", f"{SOME_LACK}: {missing[:LONGEST]}.")
    if body.preview:
        return ReplayPreview(
            messages=types.total(),
            at_least=more,
            companies=len(companies.keys() - {""}),
            by_type=dict(types.most_common()),
            by_company=dict(companies.most_common(MOST_COMPANIES)),
        ).model_dump()
    if not types and not more:
        raise Refusal("not-found", "No kept message fits.")
    begun = store.replays.begin(wanted, total=types.total(), counted=not more, by=caller().name)
    services().hints.replay(begun.id)
    location = {"Location": f"/v1/replays/{begun.id}"}
    return _shape(begun).model_dump(), HTTPStatus.ACCEPTED, location


class ListQuery(Given):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20


@api.get("/replays", responses={200: ReplayList})
def list_replays(query: ListQuery) -> Reply:
    """List replays."""
    found = services().store.replays.newest(query.limit)
    return ReplayList(replays=[_shape(one) for one in found]).model_dump()


@api.get("/replays/<replay_id>", responses={200: ReplayShape, **described("not-found")})
def get_replay(path: ReplayPath) -> Reply:
    """Tell how far a replay has come."""
    return _shape(_known(path.replay_id)).model_dump()


@api.post(
    "/replays/<replay_id>/abort",
    description="One that is aborted already stays so. One whose messages are all queued is a 409.",
    responses={200: ReplayShape, **described("forbidden", "not-found", "conflict")},
)
def abort_replay(path: ReplayPath) -> Reply:
    """Queue no more of its messages; those that are queued are still handled."""
    return _turn(path.replay_id, "aborted")


@api.post(
    "/replays/<replay_id>/continue",
    description="One that runs goes on running. One whose messages are all queued is a 409.",
    responses={200: ReplayShape, **described("forbidden", "not-found", "conflict")},
)
def continue_replay(path: ReplayPath) -> Reply:
    """Go on with an aborted replay where it stopped."""
    answer = _turn(path.replay_id, "running")
    services().hints.replay(path.replay_id)
    return answer


def _turn(replay_id: str, state: str) -> Reply:
    _known(replay_id)
    if not services().store.replays.turn(replay_id, state):
        raise Refusal("conflict", "All its messages are queued already.")
    return _shape(_known(replay_id)).model_dump()


def _known(replay_id: str) -> Replay:
    found = services().store.replays.get(replay_id)
    if found is None:
        near = hint(replay_id, [one.id for one in services().store.replays.newest(MOST_NEAR)])
        raise Refusal("not-found", f"Look at /v1/replays for those there are{near}.")
    return found


def _shape(replay: Replay) -> ReplayShape:
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
