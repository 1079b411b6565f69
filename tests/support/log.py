"""The event log, read back by tests: each event with its fields."""

from dataclasses import dataclass
from typing import Any

import orjson

from codat.times import parse_time
from relay.store import Store
from relay.store.log.encoded import EncodedEvent


@dataclass(frozen=True)
class ReadEvent:
    """One event as readers of the log get it."""

    sequence: int
    type: str
    source: str
    subject: str
    time: int  # microseconds
    cause: str
    data: dict[str, Any]
    cloud_event: dict[str, Any]


def read_event(encoded: EncodedEvent) -> ReadEvent:
    """Return an event with its fields."""
    shown = orjson.loads(encoded.json)
    return ReadEvent(
        sequence=encoded.sequence,
        type=encoded.type,
        source=shown["source"],
        subject=encoded.subject,
        time=parse_time(shown["time"]),
        cause=shown["cause"],
        data=shown["data"],
        cloud_event=shown,
    )


def read_log(store: Store, after: int = 0, limit: int = 100) -> list[ReadEvent]:
    """Return up to `limit` events of the log numbered above `after`."""
    return [read_event(encoded) for encoded in store.events.read(after, limit).events]
