"""Repair times too far ahead: written while the server's clock was wrong."""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.store import keys
from relay.store.inbox.lanes import MAX_LEASE_MS
from relay.store.intents.budget import LEASE_MS, MAX_CALL_MS, MAX_HOLD_MS
from relay.store.intents.queue import HINT_MS, Priority
from relay.store.journeys.codes import WITHIN_SECONDS
from relay.store.log.rewriting import MAX_MS
from relay.store.scripts import Scripts
from relay.times import Millis

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLACK_MS = 30_000  # by which a clock may be set without anything being looked at
MAX_DELIVERY_MS = 25 * HOUR_MS  # a subscriber may ask for a day
MAX_INTENT_MS = 27 * HOUR_MS  # Codat may ask for 26 hours
USUAL_INTENT_MS = 1_200_000  # a quarter of an hour, a bit longer where attempts are spread
SCAN_LIMIT = 2000  # of each list at a time; some milliseconds of the server

# Flags by which one of many does something, and how long each may stand, in ms.
FLAGS = {
    keys.HINTED: HINT_MS,
    keys.DELIVERY_HINTED: HINT_MS,
    keys.REPLAY_HINTED: HINT_MS,
    keys.ERASING: MAX_MS,
    keys.CODE_TRIES: WITHIN_SECONDS * 1000,
}


@dataclass(frozen=True, slots=True)
class Mended:
    """How many were mended, and whether the due times of schedules are to be looked at."""

    mended: int
    schedules: bool


class Mending:
    """Looks over all of one store that ends at some time."""

    def __init__(self, client: Redis, scripts: Scripts, dedupe_days: int) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._remember_ms = dedupe_days * DAY_MS

    def mend(self) -> Mended:
        """End every lease, wait and hold that ends later than it can; raises redis.RedisError."""
        mended, more, schedules = 0, 1, 0
        while more:
            some, more, schedules = self._scripts.mend(
                [
                    keys.WAITING,
                    keys.LEASES,
                    keys.DELIVERIES,
                    keys.CALLS,
                    keys.UNDER_WAY,
                    keys.HOLD,
                    keys.BUDGET,
                    keys.META,
                    keys.COUNTERS,
                    keys.HEARTBEATS,
                    keys.SILENCES,
                    *FLAGS,
                ],
                [
                    keys.INTENTS_DUE,
                    keys.INTENT,
                    MAX_LEASE_MS,
                    MAX_DELIVERY_MS,
                    MAX_INTENT_MS,
                    max(USUAL_INTENT_MS, 2 * LEASE_MS),
                    MAX_HOLD_MS,
                    MAX_CALL_MS,
                    SLACK_MS,
                    len(Priority),
                    SCAN_LIMIT,
                    self._remember_ms,
                    *FLAGS.values(),
                ],
            )
            mended += some
        return Mended(mended, bool(schedules))

    def schedules_mended(self) -> None:
        """Note that the due times of all schedules were looked at."""
        self._client.hdel(keys.META, "clock_schedules")

    def in_doubt(self, now: Millis) -> bool:
        """Report whether the server's clock went on by more than a day in the last one.

        Then nothing is deleted by it: it may be wrong, and come back.
        """
        doubted = self._client.hget(keys.META, "clock_doubted")
        return doubted is not None and abs(now - int(doubted)) < DAY_MS
