"""Requests that their callers may send again: how far each has come, under the key it was given."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts
from relay.store.server.durable import durably
from relay.store.server.guard import Guard

RETENTION_MS = 24 * 3_600_000  # ms that a key is remembered
MAY_TAKE = 240_000  # ms; longer than the calls to Codat that one request makes, at their slowest


class State(StrEnum):
    """What a request sent under a key finds."""

    RUN = "run"  # it is ours to do, or to go on with
    DONE = "done"
    RUNNING = "running"
    OTHER = "other"  # the key was used for something else


@dataclass(frozen=True, slots=True)
class Begun:
    """A request as it was found; `facts` are what the first one was to go by."""

    state: State
    place: str = ""
    nonce: str = ""
    facts: dict[str, Any] | None = None
    company_id: str | None = None
    tries: int = 0  # at Codat
    answer: bytes | None = None
    left: int = 0  # ms that the one under way may still take


class Requests:
    """The requests of one store."""

    def __init__(self, client: Redis, scripts: Scripts, guard: Guard) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._guard = guard

    def begin(self, caller: str, key: str, asked: str, facts: dict[str, Any]) -> Begun:
        """Begin a request, or return what came of it; raises redis.RedisError or NotDurable.

        `asked` is a hash of all that it asks for.
        """
        digest = hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest()
        place, nonce = keys.REQUEST + digest, uuid4().hex
        arguments = [nonce, asked, orjson.dumps(facts), MAY_TAKE, RETENTION_MS]
        script = self._scripts.begin_request
        found = durably(self._client, self._guard, script, [place], arguments)
        state, rest = State(found[0].decode()), found[1:]
        if state is State.RUN:
            held, company_id, tries = rest
            known = company_id.decode() or None
            return Begun(state, place, nonce, orjson.loads(held), known, int(tries))
        if state is State.DONE:
            return Begun(state, facts=orjson.loads(rest[0]), answer=rest[1])
        return Begun(state, left=int(rest[0]) if rest else 0)

    def note(self, begun: Begun, **noted: str | int | bytes) -> bool:
        """Note how far it has come; False when another works on it by now. Raises as `begin`."""
        pairs = [one for pair in noted.items() for one in pair]
        script, arguments = self._scripts.note_request, [begun.nonce, *pairs]
        return bool(durably(self._client, self._guard, script, [begun.place], arguments))
