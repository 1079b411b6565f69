"""Replays: handle kept messages again, with a preview before and progress while they run."""

from http import HTTPStatus

from portal.api.replays.schemas import (
    ReplayBody,
    ReplayList,
    ReplayPath,
    ReplayPreview,
    ReplayQuery,
    ReplayShape,
    shape,
)
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.http.tags import MESSAGES
from portal.services import services
from relay.nearest import hint
from relay.services import replay
from relay.store.inbox.messages import read_id
from relay.store.inbox.replays import Replay

api = group("replays", __name__, MESSAGES)

MAX_COMPANIES = 20  # shown in a preview
NEAR_LIMIT = 100  # replays among which one like an unknown id is looked for
REPLAYING = (
    "Messages go through the same handlers once more. What a message has caused stands in the log"
    " and is not added again: only what is missing is, and a message of which nothing is missing"
    " counts as `already_applied`. Dead letters that are replayed are dead letters no more, unless"
    " they fail again."
)


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
    selection = replay.select(store, wanted)
    if body.preview:
        return ReplayPreview(
            messages=selection.total,
            at_least=selection.has_more,
            companies=len(selection.companies.keys() - {""}),
            by_type=dict(selection.types.most_common()),
            by_company=dict(selection.companies.most_common(MAX_COMPANIES)),
        ).model_dump()
    begun = replay.begin_replay(store, services().hints, selection, caller().name)
    location = {"Location": f"/v1/replays/{begun.id}"}
    return shape(begun).model_dump(), HTTPStatus.ACCEPTED, location


@api.get("/replays", responses={200: ReplayList})
def list_replays(query: ReplayQuery) -> Reply:
    """List replays."""
    found = services().store.replays.newest(query.limit)
    return ReplayList(replays=[shape(one) for one in found]).model_dump()


@api.get("/replays/<replay_id>", responses={200: ReplayShape, **described("not-found")})
def get_replay(path: ReplayPath) -> Reply:
    """Report how far a replay has come."""
    return shape(_known(path.replay_id)).model_dump()


@api.post(
    "/replays/<replay_id>/abort",
    description="One that is aborted already stays so. One whose messages are all queued is a 409.",
    responses={200: ReplayShape, **described("forbidden", "not-found", "conflict")},
)
def abort_replay(path: ReplayPath) -> Reply:
    """Queue no more of its messages; those that are queued are still handled."""
    _known(path.replay_id)
    replay.abort_replay(services().store, path.replay_id)
    return shape(_known(path.replay_id)).model_dump()


@api.post(
    "/replays/<replay_id>/continue",
    description="One that runs goes on running. One whose messages are all queued is a 409.",
    responses={200: ReplayShape, **described("forbidden", "not-found", "conflict")},
)
def continue_replay(path: ReplayPath) -> Reply:
    """Go on with an aborted replay where it stopped."""
    _known(path.replay_id)
    replay.continue_replay(services().store, services().hints, path.replay_id)
    return shape(_known(path.replay_id)).model_dump()


def _known(replay_id: str) -> Replay:
    found = services().store.replays.get(replay_id)
    if found is None:
        near = hint(replay_id, [one.id for one in services().store.replays.newest(NEAR_LIMIT)])
        raise Refusal("not-found", f"Look at /v1/replays for those there are{near}.")
    return found
