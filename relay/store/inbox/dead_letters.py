"""Which messages are dead letters: each process reads of the stream only what came since."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from relay.inbox.message import Message
from relay.store import keys

PAGE_SIZE = 500
MAX_REMEMBERED = 1000  # letters that are remembered without a look at whether they are still there
Place = tuple[int, str]  # lane and entry


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter's own record."""

    id: str
    reason: str
    message: Message


def _order(entry: str) -> tuple[int, int]:
    ms, _, n = entry.partition("-")
    return int(ms), int(n)


class Letters:
    """The dead letters of one store, by the place of their message.

    What is dropped from the stream is noticed when it is looked for.
    """

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._lock = threading.Lock()
        self._ids: dict[Place, str] = {}
        self._last = "-"
        self._most = MAX_REMEMBERED

    def read(self) -> Mapping[Place, str]:
        """Return the ids of all letters by place, some of which may be gone."""
        with self._lock:
            if len(self._ids) > self._most:
                self._forget_dropped()
            while True:
                page = self._client.xrange(keys.DEAD, self._last, "+", count=PAGE_SIZE)
                for entry, fields in page:
                    place = int(fields[b"lane"]), fields[b"entry"].decode()
                    self._ids[place] = entry.decode()
                    self._last = f"({entry.decode()}"
                if len(page) < PAGE_SIZE:
                    return dict(self._ids)

    def _forget_dropped(self) -> None:
        """Forget those that were trimmed off the stream: they are the oldest, and come first.

        That is looked at once there are twice as many as there were the last time.
        """
        first = self._client.xrange(keys.DEAD, count=1)
        oldest = _order(first[0][0].decode()) if first else (2**63, 0)
        for place, letter in list(self._ids.items()):
            if _order(letter) >= oldest:
                break
            del self._ids[place]
        self._most = max(MAX_REMEMBERED, 2 * len(self._ids))

    def get(self, place: Place, among: Mapping[Place, str]) -> Letter | None:
        """Return one in full if it is among these and still there."""
        letter = among.get(place)
        if letter is None:
            return None
        for _, fields in self._client.xrange(keys.DEAD, letter, letter):
            if (int(fields[b"lane"]), fields[b"entry"].decode()) == place:
                message = Message.from_entry(fields[b"entry"], {b"kind": b"webhook", **fields})
                return Letter(letter, fields[b"reason"].decode(errors="replace"), message)
        with self._lock:
            if self._ids.get(place) == letter:
                del self._ids[place]
        return None
