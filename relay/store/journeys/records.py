"""Journeys in Redis: found by link or id, and changed together with the events about it."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from redis import Redis

from relay.inbox.message import action_body
from relay.journeys.journey import ENDED, Journey, Step
from relay.journeys.rules import Change
from relay.store import keys
from relay.store.inbox.lanes import Inbox
from relay.store.scripts import Scripts
from relay.store.server.durable import durably
from relay.store.server.guard import Guard
from relay.times import Micros

TRIES = 5  # of one change, when others write the same journey at the same time
PAGE = 500
TURN_WAIT, TURN_LOOK = 5.0, 0.05  # seconds that somebody waits for their turn, between looks
Rule = Callable[[Journey], Change | None]


class Contended(Exception):
    """Others changed it each time we tried, or held the turn all the time that we waited."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A journey as it now is; `lane` is one that needs a hint."""

    journey: Journey
    lane: int | None = None


class Journeys:
    """The journeys of one store."""

    def __init__(self, client: Redis, scripts: Scripts, guard: Guard, inbox: Inbox) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._guard = guard
        self._inbox = inbox

    def get(self, journey_id: str) -> Journey | None:
        """Return one journey."""
        raw = self._client.hget(keys.JOURNEY + journey_id, "state")
        return Journey.from_json(raw) if raw else None

    def by_token(self, token: str) -> Journey | None:
        """Return the journey whose link holds this token; only hashes are kept and compared."""
        digest = hash_of(token)
        found = self._client.hget(keys.JOURNEY_TOKENS, digest)
        journey = self.get(found.decode()) if found else None
        return journey if journey and journey.token_hash == digest else None

    def start(self, change: Change) -> Moved:
        """Keep a new journey; raises redis.RedisError or NotDurable."""
        moved = self._write(change, "", "")
        if moved is None:
            raise Contended(change.journey.id)
        return moved

    def change(self, journey_id: str, rule: Rule) -> Moved | None:
        """Move a journey by a rule, which is asked again when someone was quicker.

        None: there is no such journey. A rule that returns None keeps it as it is. Raises
        Contended, redis.RedisError or NotDurable.
        """
        for _ in range(TRIES):
            raw, version = self._client.hmget(keys.JOURNEY + journey_id, "state", "version")
            if raw is None:
                return None
            held = Journey.from_json(raw)
            change = rule(held)
            if change is None:
                return Moved(held)
            if moved := self._write(change, version.decode(), held.token_hash):
                return moved
        raise Contended(journey_id)

    @contextmanager
    def turn(self, company_id: str, lease_ms: int) -> Iterator[None]:
        """Let one at a time connect a company, for `lease_ms` at most; others wait for their turn.

        Raises Contended when it does not come, or redis.RedisError.
        """
        names, owner = [keys.CONNECTING + company_id], uuid4().hex
        until = time.monotonic() + TURN_WAIT
        while not self._scripts.lease(names, [owner, lease_ms]):
            if time.monotonic() > until:
                raise Contended(company_id)
            time.sleep(TURN_LOOK)
        try:
            yield
        finally:
            self._scripts.lease(names, [owner, 0])

    def page(self, before: str = "", limit: int = 100) -> list[Journey]:
        """Return up to `limit` journeys, the newest first, older than the id `before`."""
        top = f"({before}" if before else "+"
        found = self._client.zrange(
            keys.JOURNEYS, top, "-", desc=True, bylex=True, offset=0, num=limit
        )
        with self._client.pipeline(transaction=False) as pipe:
            for journey_id in found:
                pipe.hget(keys.JOURNEY + journey_id.decode(), "state")
            return [Journey.from_json(raw) for raw in pipe.execute() if raw]

    def over(self, now: int, limit: int = PAGE) -> list[str]:
        """Name journeys whose time is over by `now` (ms since the epoch)."""
        found = self._client.zrange(
            keys.JOURNEYS_OPEN, "-inf", now, byscore=True, offset=0, num=limit
        )
        return [journey_id.decode() for journey_id in found]

    def _write(self, change: Change, version: str, old_hash: str) -> Moved | None:
        journey = change.journey
        lane = self._inbox.lane_of(journey.company_id)
        ended = journey.step in ENDED
        is_over = ended or journey.step is Step.CONFIRMED
        arguments: list[str | bytes | int] = [
            uuid4().hex,
            version,
            journey.to_json(),
            journey.id,
            "" if is_over else journey.expires,
            old_hash if ended or old_hash != journey.token_hash else "",
            "" if ended else journey.token_hash,
            lane,
        ]
        at = journey.history[-1].at * 1000 if journey.history else journey.created * 1000
        for number, (kind, data) in enumerate(change.events):
            told_id = f"journey:{journey.id}:{version or 0}:{number}"
            arguments += (told_id, kind, journey.company_id, action_body(Micros(at), data))
        names = [
            keys.JOURNEY + journey.id,
            keys.JOURNEYS,
            keys.JOURNEYS_OPEN,
            keys.JOURNEY_TOKENS,
            keys.LANE + str(lane),
            keys.WAITING,
        ]
        script = self._scripts.put_journey
        written, woke = durably(self._client, self._guard, script, names, arguments)
        return Moved(journey, lane if woke else None) if written else None


def hash_of(token: str) -> str:
    """Return the hash under which a link's token is stored."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
