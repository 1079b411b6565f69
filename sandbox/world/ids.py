"""Ids that follow a seed, so that a story played twice names the same things."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID


@dataclass(slots=True)
class Ids:
    """A row of ids decided by `root`; each company draws from a row of its own.

    So what happens at one company never changes the ids of another, whichever comes first.
    """

    root: str
    drawn: int = 0

    def uuid(self) -> str:
        """Return the next id."""
        return str(UUID(bytes=self._next(16), version=4))

    def token(self) -> str:
        """Return the next one-time password, as hard to guess as the root is."""
        return urlsafe_b64encode(self._next(12)).decode()

    def branch(self, name: object) -> "Ids":
        """Return a row of its own for something."""
        return Ids(f"{self.root}/{name}")

    def _next(self, size: int) -> bytes:
        self.drawn += 1
        return blake2b(f"{self.root}/{self.drawn}".encode(), digest_size=size).digest()
