"""Call Codat for a person who waits: at once or not at all, and few threads at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from relay.budget import calling_as, refusal
from relay.store import Store
from relay.store.intents.queue import Priority
from relay.times import now_ms


class TooManyCalls(Exception):
    """All threads that may call Codat at once do so already."""


@contextmanager
def codat_calls(store: Store, call_limit: BoundedSemaphore) -> Iterator[None]:
    """Let the block call Codat with the priority of a person who waits.

    Raise NoCallNow when the budget allows no call, TooManyCalls, or redis.RedisError. `call_limit`
    bounds how many threads call Codat at once.
    """
    # Redis is asked first: without it, what Codat then did could not be recorded.
    now = now_ms()
    if short := store.budget.state(now).short(now, urgent=True):
        raise refusal(short, now)
    if not call_limit.acquire(blocking=False):
        raise TooManyCalls
    try:
        with calling_as(Priority.LINK):
            yield
    finally:
        call_limit.release()
