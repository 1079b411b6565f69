"""Codat's `Idempotency-Key`: the first answer to a key is repeated for the same key.

Codat: using-the-api/write-data/idempotency. Answers of 4xx and 5xx are kept like any other, so a
failure is repeated too; only 429 is not. For POST and PATCH alone.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from sandbox.world.refusals import Refusal

HEADER = "Idempotency-Key"
METHODS = frozenset({"POST", "PATCH"})
LIFE = 90 * 60.0  # seconds
MAX_KEYS = 10_000


@dataclass(slots=True)
class Answered:
    """An answer as it was given."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Kept:
    """What a key was used for; `answer` None while its request runs."""

    fingerprint: bytes
    until: float
    answer: Answered | None = None


class Idempotency:
    """The keys used of late; `scale` divides how long each holds."""

    def __init__(self, scale: float = 1.0) -> None:
        self._life = LIFE / scale
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def open(self, key: str, asked: tuple[str, str, bytes], now: float) -> Answered | None:
        """Return the answer kept for a key, or None: then answer it, and `close` the key.

        `asked` is method, path with query, and body. Raises `Refusal` 422 when the key was used for
        something else, 409 while its first request runs.
        """
        fingerprint = _fingerprint(asked)
        with self._lock:
            self._forget(now)
            kept = self._kept.get(key)
            if kept is None:
                self._kept[key] = Kept(fingerprint, now + self._life)
                return None
            if kept.fingerprint != fingerprint:
                raise Refusal(422, "The idempotency key was used for another request.")
            if kept.answer is None:
                raise Refusal(409, "A request with this idempotency key is in progress.")
            return kept.answer

    def close(self, key: str, answer: Answered) -> None:
        """Keep the answer to a key; after a 429 the key may be used again."""
        with self._lock:
            if answer.status == 429:
                self._kept.pop(key, None)
            elif kept := self._kept.get(key):
                kept.answer = answer

    def _forget(self, now: float) -> None:
        while self._kept:
            key, first = next(iter(self._kept.items()))
            if first.until > now and len(self._kept) < MAX_KEYS:
                return
            del self._kept[key]


def _fingerprint(asked: tuple[str, str, bytes]) -> bytes:
    method, path, body = asked
    return sha256(f"{method} {path}\n".encode() + body).digest()
