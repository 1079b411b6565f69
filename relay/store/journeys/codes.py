"""Short codes that open a customer's link on another computer: each once, within half an hour."""

from typing import Any
from uuid import uuid4

from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts

LIFETIME_SECONDS = 30 * 60
# All together may fail so often in so many seconds: many customers may share one address, and so
# few tries among 2^40 codes find none.
MAX_FAILURES, WITHIN_SECONDS = 1000, 600


class Codes:
    """The codes of one store: each is stored as a digest, with the link that it encrypts."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def keep(self, digest: str, encrypted: str) -> None:
        """Store the encrypted link of a code; safe to send twice."""
        self._client.set(keys.CODE + digest, encrypted, ex=LIFETIME_SECONDS)

    def are_locked(self) -> bool:
        """Whether no code is accepted for now, after many failed tries."""
        return int(self._client.get(keys.CODE_TRIES) or 0) >= MAX_FAILURES

    def take(self, digest: str) -> str | None:
        """Return and delete the encrypted link of a code; None also after many failed tries."""
        names = [keys.REPLY + uuid4().hex, keys.CODE + digest, keys.CODE_TRIES]
        held: bytes = self._scripts.take_code(names, [MAX_FAILURES, WITHIN_SECONDS])
        return held.decode() or None
