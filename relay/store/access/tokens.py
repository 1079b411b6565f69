"""API tokens that were made here: their hashes, names and roles, and those revoked."""

from dataclasses import dataclass
from typing import Any

import orjson
from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts
from relay.store.server.durable import durably
from relay.store.server.guard import Guard
from relay.times import Millis
from relay.tokens import Token, digest_of


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token as it is kept. `made` is in ms since the epoch and `place` where its file lies.

    Those of earlier versions have neither: 0 and "".
    """

    digest: str
    owner: Token
    made: Millis = Millis(0)
    place: str = ""


class KeptTokens:
    """The tokens of one store. A revoked token never becomes valid again."""

    def __init__(self, client: Redis, scripts: Scripts, guard: Guard) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._guard = guard

    def owner(self, digest: str) -> Token | None:
        """Return whose the token with this SHA-256 (hex) is, or None."""
        held: bytes | None = self._client.hget(keys.TOKENS, digest)
        return _read(digest, held).owner if held is not None else None

    def all(self) -> list[KeptToken]:
        """Return those that are valid, by name and age."""
        held: dict[bytes, bytes] = self._client.hgetall(keys.TOKENS)
        found = [_read(digest.decode(), record) for digest, record in held.items()]
        return sorted(found, key=lambda one: (one.owner.name, one.made, one.digest))

    def put(
        self, token: str, owner: Token, *, made: Millis, place: str = "", replace: str | None = None
    ) -> bool:
        """Let a token in; only its hash is kept. False when it was revoked before.

        `replace` revokes others of the same name in the same step: those of one `place`, or of all
        with "". Raises redis.RedisError or NotDurable.
        """
        record = {"name": owner.name, "role": owner.role, "made": made, "place": place}
        arguments = [digest_of(token), orjson.dumps(record)]
        if replace is not None:
            arguments += [owner.name, replace]
        return bool(self._run(self._scripts.put_token, arguments))

    def revoke(self, digests: list[str]) -> None:
        """End these tokens for good; raises redis.RedisError or NotDurable."""
        if digests:
            self._run(self._scripts.revoke_tokens, digests)

    def _run(self, script: Any, arguments: list[Any]) -> Any:
        names = [keys.TOKENS, keys.TOKENS_REVOKED]
        return durably(self._client, self._guard, script, names, arguments)


def _read(digest: str, held: bytes) -> KeptToken:
    if not held.startswith(b"{"):  # as earlier versions wrote it
        name, _, role = held.decode().rpartition(":")
        return KeptToken(digest, Token(name, role))
    record = orjson.loads(held)
    owner = Token(record["name"], record["role"])
    return KeptToken(digest, owner, record["made"], record["place"])
