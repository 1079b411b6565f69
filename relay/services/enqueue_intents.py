"""Put intents into the work queue, and send one hint for all of them."""

from collections.abc import Sequence

from relay.queues import Hints
from relay.store import Store
from relay.store.intents.queue import NewIntent
from relay.times import Millis

BATCH_SIZE = 500  # intents per call to the store


def enqueue_intents(store: Store, hints: Hints, intents: Sequence[NewIntent], now: int) -> int:
    """Put intents into the queue at `now` (ms); return how many of them had been given up."""
    revived = 0
    for start in range(0, len(intents), BATCH_SIZE):
        batch = intents[start : start + BATCH_SIZE]
        revived += store.intents.dead_among([intent.name for intent in batch])
        store.intents.put(batch, Millis(now))
    if intents and store.intents.may_hint():
        hints.perform()
    return revived
