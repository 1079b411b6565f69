"""Replay kept messages: put them into their lanes again, from where the same handlers take them."""

import time

from relay.store.inbox.messages import Kept
from relay.store.inbox.replays import Replay
from workers.context import Context, current

BATCH = 200  # messages put into a lane at a time
LOOKED_AT = 5000  # messages at a time, where few are wanted: a job that is killed loses no more
HAND_ON_AFTER = 1.0  # seconds in one job


def replay(replay_id: str) -> None:
    """The job: go on with one replay, for about a second."""
    context = current()
    if replay_some(context, replay_id):
        context.hints.replay(replay_id)


def replay_some(context: Context, replay_id: str, seconds: float = HAND_ON_AFTER) -> bool:
    """Queue messages of one replay, lane by lane; tell whether there is more to do."""
    store, until = context.store, time.monotonic() + seconds
    while (found := store.replays.get(replay_id)) and found.state == "running":
        if not _step(context, found):
            return False
        if time.monotonic() > until:
            return True
    return False


def _step(context: Context, replay: Replay) -> bool:
    """Queue one batch; False when nothing is left, or it is in other hands."""
    store = context.store
    # What came in after the replay began was handled by the same code already.
    looked_at = store.messages.walk(replay.wanted, replay.after, stored_by=replay.created)
    batch: list[Kept] = []
    position = replay.position
    for number, (kept, takes) in enumerate(looked_at, 1):
        if takes and batch and kept.lane != batch[0].lane:
            break
        position = kept.id
        if takes:
            batch.append(kept)
        if len(batch) == BATCH or number == LOOKED_AT:
            break
    last = position == replay.position
    wake = store.replays.step(replay, batch, position, last=last)
    if wake:
        context.hints.drain(batch[0].lane)
    return not last and wake is not None
