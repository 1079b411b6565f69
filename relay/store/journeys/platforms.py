"""Codat's integrations and their logos, kept so that pages need not ask Codat."""

from dataclasses import dataclass
from typing import Any

import orjson
from redis import Redis

from relay.store import keys

LOGO_LIFETIME_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Logo:
    """One logo as it was fetched."""

    media_type: str
    content: bytes


class Platforms:
    """What was last read of Codat's integrations. Losing it costs one more request to Codat."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def read(self) -> tuple[int, list[dict[str, Any]]] | None:
        """Return when they were read (ms since the epoch) and Codat's records of them."""
        raw = self._client.get(keys.INTEGRATIONS)
        if raw is None:
            return None
        held = orjson.loads(raw)
        return held["at"], held["integrations"]

    def keep(self, integrations: list[dict[str, Any]], now: int) -> None:
        """Keep Codat's records of its integrations; `now` in ms since the epoch."""
        kept = {"at": now, "integrations": integrations}
        self._client.set(keys.INTEGRATIONS, orjson.dumps(kept))

    def read_by_codat(self) -> frozenset[str] | None:
        """Return the data types that Codat reads by itself, on link or later; None: not known."""
        raw = self._client.get(keys.READ_BY_CODAT)
        return frozenset(orjson.loads(raw)) if raw else None

    def keep_read_by_codat(self, data_types: list[str]) -> None:
        """Keep which data types Codat reads by itself."""
        self._client.set(keys.READ_BY_CODAT, orjson.dumps(sorted(data_types)))

    def client_id(self, key_fingerprint: str) -> str | None:
        """Return the id of the Codat client that a key is of, None if Codat has not said it."""
        fingerprint, _, client_id = (self._client.get(keys.CLIENT) or b"").decode().partition(" ")
        return client_id if client_id and fingerprint == key_fingerprint else None

    def keep_client_id(self, key_fingerprint: str, client_id: str) -> None:
        """Keep which Codat client a key is of; `key_fingerprint` is that of the settings."""
        self._client.set(keys.CLIENT, f"{key_fingerprint} {client_id}")

    def logo(self, key: str, url: str) -> Logo | None:
        """Return the logo that was kept for a platform from this address."""
        raw = self._client.get(keys.LOGO + key)
        if raw is None:
            return None
        given, media_type, content = raw.split(b"\n", 2)
        return Logo(media_type.decode(), content) if given == url.encode() else None

    def keep_logo(self, key: str, url: str, logo: Logo) -> None:
        """Keep a platform's logo and where it came from."""
        value = b"\n".join((url.encode(), logo.media_type.encode(), logo.content))
        self._client.set(keys.LOGO + key, value, ex=LOGO_LIFETIME_SECONDS)
