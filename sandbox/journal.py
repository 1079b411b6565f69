"""The record of everything asked of the API and every webhook attempt: the judge in tests."""

import threading
import time
from collections import deque
from itertools import islice
from typing import Any

from sandbox.webhooks.messages import Message

MAX_ENTRIES = 200_000
Entry = dict[str, Any]


class Journal:
    """Entries numbered from 1 without a gap; the oldest are forgotten past `kept`."""

    def __init__(self, kept: int = MAX_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._lock = threading.Lock()
        self._last = 0

    def note(self, kind: str, **what: Any) -> None:
        """Add an entry of kind `api` or `webhook`."""
        with self._lock:
            self._last += 1
            self._entries.append({"seq": self._last, "time": time.time(), "kind": kind, **what})

    def after(self, seq: int, limit: int = 10_000) -> list[Entry]:
        """List what was noted after entry `seq`, oldest first."""
        with self._lock:
            first = self._last - len(self._entries) + 1
            skip = max(0, seq + 1 - first)
            return list(islice(self._entries, skip, skip + limit))

    @property
    def last(self) -> int:
        """Return the number of the newest entry."""
        return self._last

    def attempt(self, message: Message, attempt: int, status: int | None, outcome: str) -> None:
        """Note one attempt to deliver a webhook."""
        self.note("webhook", **self.entry(message, attempt, status, outcome))

    @staticmethod
    def entry(message: Message, attempt: int, status: int | None, outcome: str) -> Entry:
        """Return what is noted of an attempt; `status` None when nothing was answered."""
        return {
            "method": "POST",
            "path": message.url,
            "companyId": message.company_id,
            "status": status,
            "messageId": message.id,
            "eventId": message.event_id,
            "eventType": message.event_type,
            "attempt": attempt,
            "outcome": outcome,
        }
