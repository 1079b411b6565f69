"""Short codes that open a customer's link on another computer: each once, within half an hour."""

from typing import Any
from uuid import uuid4

from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts

LASTS = 30 * 60  # seconds
# Failed tries, in so many seconds. Of all: many customers may share one address, and of 2^40 codes
# so few tries find none.
MOST, WITHIN = 1000, 600


class Codes:
    """The codes of one store. They are known by a digest, and what they open is sealed by them."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts

    def keep(self, digest: str, sealed: str) -> None:
        """Keep what a code opens; sent twice, it is kept once."""
        self._client.set(keys.CODE + digest, sealed, ex=LASTS)

    def are_shut(self) -> bool:
        """Whether nobody is heard for now, after many failed tries."""
        return int(self._client.get(keys.CODE_TRIES) or 0) >= MOST

    def take(self, digest: str) -> str | None:
        """Give what a code opens and forget it; None, too, after many failed tries."""
        names = [keys.REPLY + uuid4().hex, keys.CODE + digest, keys.CODE_TRIES]
        held: bytes = self._scripts.take_code(names, [MOST, WITHIN])
        return held.decode() or None
