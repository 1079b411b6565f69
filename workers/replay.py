"""Replay kept messages: put them into their lanes again, from where the same handlers take them."""

import time
from itertools import groupby, islice

from relay.store.replays import Replay
from workers.context import Context, current

BATCH = 200  # messages put into a lane at a time
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
    candidates = store.messages.oldest(replay.wanted, replay.after, stored_by=replay.created)
    lane, batch = 0, []
    for found, group in groupby(candidates, key=lambda kept: kept.lane):
        lane, batch = found, list(islice(group, BATCH))
        break
    wake = store.replays.step(replay, lane, batch, last=not batch)
    if wake:
        context.hints.drain(lane)
    return bool(batch) and wake is not None
