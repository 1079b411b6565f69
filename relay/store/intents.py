"""What must be done at Codat: durable, named so that a need exists once, claimed and fenced."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis

from relay.message import Action, action_fields
from relay.store import keys
from relay.store.budget import AT_ONCE_PER_COMPANY
from relay.store.scripts import Scripts

READ_AT_ONCE = 200
ASKED_FOR = ":now-"  # in the names of syncs that a person asked for
SCANNED_AT_ONCE = 1000  # names, of which those that fit are given
HINT_MS = 2000  # how long one `perform` hint stands for all needs that arise meanwhile


class Priority(IntEnum):
    """Whose work goes first when calls are short."""

    LINK = 0  # a customer is waiting
    NOW = 1  # a person asked
    SCHEDULED = 2
    RECONCILE = 3
    LOCAL = 4  # calls nobody, so no limit of Codat's concerns it


@dataclass(frozen=True, slots=True)
class Need:
    """An intent to be left: its name (`kind:company...`), when it is due (ms), and why."""

    name: str
    company_id: str
    priority: Priority
    due: int
    cause: str
    args: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> tuple[str | bytes | int, ...]:
        """Give the six arguments every script that leaves intents takes."""
        return (
            self.name,
            self.company_id,
            int(self.priority),
            self.due,
            orjson.dumps(self.args),
            self.cause,
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """A claimed intent. `attempts` counts this one; `created` is ms since the epoch."""

    name: str
    fence: int
    company_id: str
    attempts: int
    created: int
    args: dict[str, Any]
    cause: str
    priority: Priority

    @property
    def kind(self) -> str:
        """The word before the first colon: `info`, `name`, `reread`, `sync`, `cadence`."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """An intent as it stands; `due` (ms) is for dead ones when they were given up."""

    name: str
    company_id: str
    priority: Priority
    state: str
    attempts: int
    created: int
    due: int
    args: dict[str, Any]
    cause: str
    last_error: str

    @property
    def kind(self) -> str:
        """The word before the first colon of its name."""
        return self.name.partition(":")[0]

    def again(self, now: int) -> Need:
        """Give the need that revives it, due at `now` (ms)."""
        return Need(self.name, self.company_id, self.priority, now, self.cause, self.args)


class Intents:
    """The intents of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def put(self, needs: Sequence[Need], now: int) -> int:
        """Leave intents; give how many are due. `now` in ms."""
        arguments: list[str | bytes | int] = [keys.INTENT, keys.INTENTS_DUE, now]
        for need in needs:
            arguments += need.arguments()
        return int(self._scripts.put_intents([keys.REPLY + uuid4().hex], arguments))

    def claim(
        self, *, now: int, lease_ms: int, limit: int, priorities: Sequence[Priority]
    ) -> list[Intent]:
        """Claim up to `limit` due intents of these priorities, in that order; times in ms."""
        answer = self._scripts.claim_intents(
            [keys.REPLY + uuid4().hex, keys.SYNCS_WAITING, keys.META],
            [
                keys.INTENT,
                keys.INTENTS_DUE,
                keys.INFLIGHT,
                now,
                lease_ms,
                limit,
                AT_ONCE_PER_COMPANY,
                int(Priority.SCHEDULED),
                *(int(priority) for priority in priorities),
            ],
        )
        return [_claimed(row) for row in answer or ()]

    def finish(
        self,
        intent: Intent,
        verdict: str,
        *,
        now: int,
        lane: int,
        due: int = 0,
        error: str = "",
        expected: bool = False,
        held: bool = False,
        told: Action | None = None,
    ) -> tuple[bool, bool]:
        """Record `done`, `later` (again at `due` ms) or `dead`, and tell the company's lane.

        Gives whether we still held the intent, and whether the lane needs a hint. `expected`: the
        attempt found a wait that is normal, so it does not count. `held`: Codat asked for the wait,
        so no new need shortens it.
        """
        arguments: list[str | bytes | int] = [
            intent.name,
            intent.fence,
            verdict,
            now,
            due,
            error,
            lane,
            "expected" if expected else "held" if held else "",
        ]
        if told is not None:
            for name, value in action_fields(told).items():
                arguments += (name, value)
        recorded, wake = self._scripts.finish_intent(
            [
                keys.INTENT + intent.name,
                f"{keys.INTENTS_DUE}{int(intent.priority)}",
                keys.DEAD_INTENTS,
                keys.INFLIGHT + intent.company_id,
                keys.LANE + str(lane),
                keys.WAITING,
                keys.REPLY + uuid4().hex,
            ],
            arguments,
        )
        return bool(recorded), bool(wake)

    def any_due(self, now: int, priorities: Sequence[Priority] = tuple(Priority)) -> bool:
        """Whether some intent of these priorities is due."""
        if Priority.SCHEDULED in priorities and self._client.exists(keys.SYNCS_WAITING):
            return True
        return any(
            self._client.zcount(f"{keys.INTENTS_DUE}{int(priority)}", "-inf", now)
            for priority in priorities
        )

    def may_hint(self) -> bool:
        """Whether a `perform` hint is wanted: the first to ask in a while hears yes."""
        return bool(self._client.set(keys.HINTED, "1", nx=True, px=HINT_MS))

    def hint_taken(self) -> None:
        """Let new needs send a hint again: a worker has begun to claim."""
        self._client.delete(keys.HINTED)

    def counts(self) -> dict[str, int]:
        """Tell how many intents wait, by priority, and how many were given up."""
        counts = {
            priority.name.lower(): int(self._client.zcard(f"{keys.INTENTS_DUE}{int(priority)}"))
            for priority in Priority
        }
        counts["scheduled"] += int(self._client.hget(keys.META, "syncs_waiting") or 0)
        return counts | {"dead": int(self._client.zcard(keys.DEAD_INTENTS))}

    def records(self, state: str, limit: int, like: str = "*") -> Iterator[IntentRecord]:
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
        """Tell how many are `dead`, or are not, of those whose names fit `like`."""
        if like == "*":
            counts = self.counts()
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
        """Give the first members of a sorted set, or the last, of those that fit."""
        if like == "*":
            return list(self._client.zrange(key, 0, limit - 1, desc=latest, withscores=True))
        found = sorted(self._scan(key, like), key=lambda one: one[1], reverse=latest)
        return found[:limit]

    def _scan(self, key: str, like: str) -> Iterator[tuple[bytes, float]]:
        yield from self._client.zscan_iter(key, match=like, count=SCANNED_AT_ONCE)

    def _read(self, named: Sequence[tuple[bytes, float]]) -> Iterator[IntentRecord]:
        for start in range(0, len(named), READ_AT_ONCE):
            part = named[start : start + READ_AT_ONCE]
            with self._client.pipeline(transaction=False) as pipe:
                for name, _ in part:
                    pipe.hgetall(keys.INTENT + name.decode())
                records = pipe.execute()
            for (name, due), record in zip(part, records, strict=True):
                if record:
                    yield _record(name.decode(), int(due), record)
                elif name.startswith(b"sync:"):
                    yield _waiting(name.decode(), int(due))

    def _in_pieces(self, like: str) -> Iterator[IntentRecord]:
        if ASKED_FOR in like or not fnmatchcase("sync", like.partition(":")[0]):
            return  # scheduled syncs alone wait in pieces
        number = 0
        while piece := self._client.lindex(keys.SYNCS_WAITING, number):
            due, *names = piece.decode().split()
            whole = ("sync:" + name.replace("|", ":") for name in names)
            for name in whole:
                if fnmatchcase(name, like):
                    yield _waiting(name, int(due))
            number += 1

    def dead_among(self, names: Sequence[str]) -> int:
        """Tell how many of these were given up."""
        scores = self._client.zmscore(keys.DEAD_INTENTS, list(names)) if names else []
        return sum(score is not None for score in scores)

    def get(self, name: str) -> dict[str, str] | None:
        """Give one intent's record as it stands, or None."""
        record: dict[bytes, bytes] = self._client.hgetall(keys.INTENT + name)
        return {k.decode(): v.decode() for k, v in record.items()} or None


def _record(name: str, due: int, record: dict[bytes, bytes]) -> IntentRecord:
    return IntentRecord(
        name=name,
        company_id=record[b"company"].decode(),
        priority=Priority(int(record[b"priority"])),
        state=record[b"state"].decode(),
        attempts=int(record[b"attempts"]),
        created=int(record[b"created"]),
        due=due,
        args=orjson.loads(record[b"args"]),
        cause=record[b"cause"].decode(),
        last_error=record.get(b"last_error", b"").decode(),
    )


def _waiting(name: str, due: int) -> IntentRecord:
    """Give a scheduled sync that no worker has claimed yet: its name says all."""
    _, company_id, data_type, period = name.split(":", 3)
    args = {"data_type": data_type, "period": period}
    return IntentRecord(
        name, company_id, Priority.SCHEDULED, "due", 0, due, due, args, "schedule", ""
    )


def _claimed(row: Sequence[Any]) -> Intent:
    name, fence, company_id, attempts, created, args, cause, priority = row
    return Intent(
        name=_text(name),
        fence=int(fence),
        company_id=_text(company_id),
        attempts=int(attempts),
        created=int(created),
        args=orjson.loads(args),
        cause=_text(cause),
        priority=Priority(int(priority)),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
