"""Short codes that open a customer's link on another computer: each once, within half an hour."""

import hashlib
from typing import Any
from uuid import uuid4

from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts

LASTS = 30 * 60  # seconds
MOST_OF_ONE, MOST_OF_ALL, WITHIN = 20, 1000, 600  # failed tries, in so many seconds


class Codes:
    """The codes of one store. They are known by a digest, and what they open is sealed by them."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def keep(self, digest: str, sealed: str) -> None:
        """Keep what a code opens; sent twice, it is kept once."""
        self._client.set(keys.CODE + digest, sealed, ex=LASTS)

    def take(self, digest: str, address: str) -> str | None:
        """Give what a code opens and forget it; None, too, after many failed tries."""
        tries = hashlib.sha256(address.encode()).hexdigest()[:16]
        names = [keys.REPLY + uuid4().hex, keys.CODE + digest]
        names += [keys.CODE_TRIES + tries, keys.CODE_TRIES + "all"]
        held = self._scripts.take_code(names, [MOST_OF_ONE, MOST_OF_ALL, WITHIN])
        return held.decode() or None if isinstance(held, bytes) else held or None
