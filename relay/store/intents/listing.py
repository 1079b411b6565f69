"""Intents as they stand, to be looked at: listed, found by name, counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

import orjson
from redis import Redis

from relay.store import keys
from relay.store.intents.names import intent_name, kind_of, sync_parts
from relay.store.intents.queue import Intents, NewIntent, Priority
from relay.times import Millis

READ_BATCH = 200
ASKED_FOR = ":now-"  # in the names of syncs that a person asked for
SCAN_BATCH = 1000  # names, of which those that fit are given


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """An intent with its state; `due` is for dead ones when they were given up."""

    name: str
    company_id: str
    priority: Priority
    state: str
    attempts: int
    created: Millis
    due: Millis
    args: dict[str, Any]
    cause: str
    last_error: str

    @property
    def kind(self) -> str:
        """The word before the first colon of its name."""
        return kind_of(self.name)

    def again(self, now: Millis) -> NewIntent:
        """Return the need that revives it, due at `now` (ms)."""
        return NewIntent(self.name, self.company_id, self.priority, now, self.cause, self.args)


class IntentList:
    """The intents of one store, as they stand."""

    def __init__(self, client: Redis, intents: Intents) -> None:
        self._client: Any = client
        self._intents = intents

    def walk(self, state: str, limit: int, like: str = "*") -> Iterator[IntentRecord]:
        """Walk what is `dead`, the latest first, or what is not, the soonest due of each priority.

        At most `limit` of each priority, and only those whose names fit `like` (* for anything).
        """
        if state == "dead":
            yield from self._read(self._fitting(keys.DEAD_INTENTS, like, limit, latest=True))
            return
        for priority in Priority:
            due = f"{keys.INTENTS_DUE}{int(priority)}"
            yield from self._read(self._fitting(due, like, limit))
            if priority is Priority.SCHEDULED:
                yield from islice(self._in_pieces(like), limit)

    def count(self, state: str, like: str) -> int:
        """Return how many are `dead`, or are not, of those whose names fit `like`."""
        if like == "*":
            counts = self._intents.counts()
            dead = counts.pop("dead")
            return dead if state == "dead" else sum(counts.values())
        if state == "dead":
            return sum(1 for _ in self._scan(keys.DEAD_INTENTS, like))
        due = (f"{keys.INTENTS_DUE}{int(priority)}" for priority in Priority)
        names = {name for key in due for name, _ in self._scan(key, like)}
        return len(names) + sum(1 for _ in self._in_pieces(like))

    def _fitting(
        self, key: str, like: str, limit: int, *, latest: bool = False
    ) -> list[tuple[bytes, float]]:
        """Return the first members of a sorted set, or the last, of those that fit."""
        if like == "*":
            return list(self._client.zrange(key, 0, limit - 1, desc=latest, withscores=True))
        found = sorted(self._scan(key, like), key=lambda one: one[1], reverse=latest)
        return found[:limit]

    def _scan(self, key: str, like: str) -> Iterator[tuple[bytes, float]]:
        yield from self._client.zscan_iter(key, match=like, count=SCAN_BATCH)

    def _read(self, named: Sequence[tuple[bytes, float]]) -> Iterator[IntentRecord]:
        for start in range(0, len(named), READ_BATCH):
            part = named[start : start + READ_BATCH]
            with self._client.pipeline(transaction=False) as pipe:
                for name, _ in part:
                    pipe.hgetall(keys.INTENT + name.decode())
                records = pipe.execute()
            for (name, due), record in zip(part, records, strict=True):
                if record:
                    yield _record(name.decode(), Millis(int(due)), record)
                elif kind_of(name.decode()) == "sync":
                    yield _waiting(name.decode(), Millis(int(due)))

    def _in_pieces(self, like: str) -> Iterator[IntentRecord]:
        if ASKED_FOR in like or not fnmatchcase("sync", kind_of(like)):
            return  # scheduled syncs alone wait in pieces
        number = 0
        while piece := self._client.lindex(keys.SYNCS_WAITING, number):
            due, *names = piece.decode().split()
            whole = (intent_name("sync", *name.split("|")) for name in names)
            for name in whole:
                if fnmatchcase(name, like):
                    yield _waiting(name, Millis(int(due)))
            number += 1


def _record(name: str, due: Millis, record: dict[bytes, bytes]) -> IntentRecord:
    return IntentRecord(
        name=name,
        company_id=record[b"company"].decode(),
        priority=Priority(int(record[b"priority"])),
        state=record[b"state"].decode(),
        attempts=int(record[b"attempts"]),
        created=Millis(int(record[b"created"])),
        due=due,
        args=orjson.loads(record[b"args"]),
        cause=record[b"cause"].decode(),
        last_error=record.get(b"last_error", b"").decode(),
    )


def _waiting(name: str, due: Millis) -> IntentRecord:
    """Return a scheduled sync that no worker has claimed yet: its name says all."""
    company_id, data_type, period = sync_parts(name)
    args = {"data_type": data_type, "period": period}
    return IntentRecord(
        name, company_id, Priority.SCHEDULED, "due", 0, due, due, args, "schedule", ""
    )
