"""Who is signed in to the pages for people: a session by the hash of its id, for some hours."""

import hashlib
from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.store import keys

LASTS = 12 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Session:
    """A session; `token` is the SHA-256, in hex, of the token that it was begun with."""

    token: str


class Sessions:
    """The sessions of one store."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def begin(self, session_id: str, token: str) -> None:
        """Keep a new session; sent twice, it is kept once."""
        self._client.set(_key(session_id), token, ex=LASTS)

    def get(self, session_id: str) -> Session | None:
        """Return a session, or None when there is none of this id any more."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.get(_key(session_id))
            pipe.ttl(_key(session_id))
            held, left = pipe.execute()
        # One that lasts longer than any was begun while the server's clock was ahead.
        return Session(held.decode()) if held and left <= LASTS else None

    def end(self, session_id: str) -> None:
        """Forget a session."""
        self._client.delete(_key(session_id))


def _key(session_id: str) -> str:
    return keys.SESSION + hashlib.sha256(session_id.encode(errors="replace")).hexdigest()
