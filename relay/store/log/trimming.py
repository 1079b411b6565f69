"""Drop events that need not be kept any longer, behind everyone who reads the log."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from relay.events.retention import Retention
from relay.store import keys
from relay.store.delivery.subscriptions import Subscriptions
from relay.store.log.rewriting import alone, rewrite
from relay.store.scripts import Scripts
from relay.times import Millis

SCAN_LIMIT = 500  # events per call; a few milliseconds of the server
HOLES = 4  # the log is rewritten once the gone are more than one in so many of those that stay
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Up to which number events went, and which readers had not read so far."""

    up_to: int
    passed: tuple[str, ...]


class Trimming:
    """Trims the log of one store."""

    def __init__(self, client: Redis, scripts: Scripts, subscriptions: Subscriptions) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._subscriptions = subscriptions

    def trim(self, now: Millis, retention: Retention) -> Trimmed | None:
        """Drop events that are old enough, `now` in ms; None when none went."""
        readers = self.readers()
        up_to = self._limit(now, retention.longest, retention, readers)
        names = [keys.LOG, keys.META, keys.TIME_INDEX, keys.ERASED]
        if up_to <= 0 or not self._scripts.trim_log(names, [up_to]):
            up_to = 0
        with alone(self._client, "trim") as mine:
            if mine:
                up_to = max(up_to, self._thin(now, retention, readers))
        if not up_to:
            return None
        return Trimmed(up_to, tuple(sorted(n for n, at in readers.items() if at < up_to)))

    def readers(self) -> dict[str, int]:
        """Return the cursors that are known: of subscriptions and of consumer groups of the log."""
        found = {held.subscription.id: held.cursor for held in self._subscriptions.all()}
        with suppress(ResponseError):  # there is no log yet
            for group in self._client.xinfo_groups(keys.LOG):
                found["group:" + group["name"].decode()] = self._cursor(group)
        return found

    def near_the_limit(self, now: Millis, retention: Retention, days: int) -> dict[str, int]:
        """Return the readers that will be passed within so many days, unless they read on."""
        limit = self._older_than(now - max(0, retention.hard_days - days) * DAY_MS)
        return {name: cursor for name, cursor in self.readers().items() if cursor < limit}

    def _thin(self, now: Millis, retention: Retention, readers: Mapping[str, int]) -> int:
        """Delete types that are kept shorter than others; return up to which number some went."""
        thinned = 0
        for days in retention.shorter:
            up_to = self._limit(now, days, retention, readers)
            choice = [part for name, goes in retention.choice(days) for part in (name, int(goes))]
            name = sha1(repr((days, choice)).encode(), usedforsecurity=False).hexdigest()
            done = False
            while not done:
                done, gone = self._scripts.thin_log(
                    [keys.LOG, keys.META, keys.THINNED],
                    [name, up_to, SCAN_LIMIT, keys.TIMELINE, now, *choice],
                )
                thinned = max(thinned, up_to if gone else 0)
        holes = int(self._client.hget(keys.META, "log_holes") or 0)
        if holes * HOLES > self._client.xlen(keys.LOG):
            rewrite(self._client, self._scripts, keys.LOG)
            self._client.hset(keys.META, "log_holes", 0)
        return thinned

    def _limit(
        self, now: Millis, days: int, retention: Retention, readers: Mapping[str, int]
    ) -> int:
        """Return the last number that may go after so many days, as far as readers have come."""
        old = min(self._older_than(now - days * DAY_MS), *readers.values(), 2**63)
        return max(old, self._older_than(now - max(days, retention.hard_days) * DAY_MS))

    def _cursor(self, group: Mapping[str, Any]) -> int:
        """Return the number before the first event that a consumer group has not acknowledged."""
        waiting = self._client.xpending(keys.LOG, group["name"])
        if waiting["pending"]:
            return int(waiting["min"].partition(b"-")[0]) - 1
        return int(group["last-delivered-id"].partition(b"-")[0])

    def _older_than(self, ms: int) -> int:
        """Return the number of the last event that was surely logged before `ms`."""
        marks = self._client.zrange(
            keys.TIME_INDEX, ms, "-inf", desc=True, byscore=True, offset=0, num=1
        )
        return int(marks[0]) - 1 if marks else 0
