"""Read the event log: one stream, numbered without a gap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from redis import Redis

from relay.store import keys
from relay.times import iso_from_micros

SCAN = 1000  # log entries looked at per round trip when a filter leaves most of them out


class CursorTooOld(Exception):
    """Events after this cursor have been dropped; `oldest` is the first cursor that still works."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        super().__init__(f"events up to {oldest} are no longer kept")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One status event as it stands in the log."""

    sequence: int
    type: str
    source: str
    subject: str
    time: int  # microseconds since the epoch
    cause: str
    data: dict[str, Any]

    def cloud_event(self) -> dict[str, Any]:
        """Give the event as CloudEvents 1.0 in structured JSON."""
        return {
            "specversion": "1.0",
            "id": str(self.sequence),
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": iso_from_micros(self.time),
            "datacontenttype": "application/json",
            "sequence": str(self.sequence),
            "cause": self.cause,
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, and the cursor to ask with next: it also passes what a filter left out."""

    events: list[LoggedEvent]
    cursor: int


class Events:
    """The event log of one store."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def last(self) -> int:
        """Give the number of the newest event, 0 when there is none."""
        return int(self._client.hget(keys.META, "log_seq") or 0)

    def read(
        self,
        after: int,
        limit: int = 100,
        wanted: Callable[[LoggedEvent], bool] | None = None,
    ) -> Page:
        """Give up to `limit` wanted events numbered above `after`; raises CursorTooOld."""
        self._refuse_trimmed(after)
        found: list[LoggedEvent] = []
        cursor = after
        while len(found) < limit:
            count = SCAN if wanted else limit - len(found)
            entries = self._client.xrange(keys.LOG, f"({cursor}-0", "+", count=count)
            for entry, fields in entries:
                event = _event(entry, fields)
                cursor = event.sequence
                if wanted is None or wanted(event):
                    found.append(event)
                    if len(found) == limit:
                        break
            if len(entries) < count:
                break
        return Page(found, cursor)

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until an event above `after` exists; False when the time ran out first.

        The wait must be shorter than the client's answer timeout.
        """
        ms = max(1, int(seconds * 1000))
        return bool(self._client.xread({keys.LOG: f"{after}-0"}, count=1, block=ms))

    def _refuse_trimmed(self, after: int) -> None:
        first = self._client.xrange(keys.LOG, count=1)
        if first:
            oldest = _sequence(first[0][0]) - 1
            if after < oldest:
                raise CursorTooOld(oldest)


def _sequence(entry: bytes) -> int:
    return int(entry.split(b"-", 1)[0])


def _event(entry: bytes, fields: dict[bytes, bytes]) -> LoggedEvent:
    return LoggedEvent(
        sequence=_sequence(entry),
        type=fields[b"type"].decode(),
        source=fields[b"source"].decode(),
        subject=fields[b"subject"].decode(),
        time=int(fields[b"time"]),
        cause=fields[b"cause"].decode(),
        data=orjson.loads(fields[b"data"]),
    )
