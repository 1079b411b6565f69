"""Read the event log: one stream, numbered without a gap."""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis import Redis

from relay.catalogue.book import identity
from relay.store import keys
from relay.store.scripts import Scripts
from relay.times import iso_from_micros

log = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event's number, and which log it is of: a reset log has another epoch."""

    last: int
    epoch: str


class Events:
    """The event log of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._highest = 0  # the newest number this process has seen

    def last(self) -> int:
        """Give the number of the newest event, 0 when there is none."""
        return self.head().last

    def head(self) -> Head:
        """Give the newest number and the epoch, which is a new one when the log has shrunk.

        A fail-over to a replica that lacked the last writes gives numbers a second time: readers
        must hear of it, or they would miss what now stands under them.
        """
        raw_last, raw_epoch = self._client.hmget(keys.META, ["log_seq", "epoch"])
        last, epoch = int(raw_last or 0), (raw_epoch or b"").decode()
        shrunk = last < self._highest
        if shrunk or not epoch:
            answer = self._scripts.renew_epoch([keys.META], [epoch, secrets.token_hex(4)])
            epoch = answer.decode()
        if shrunk:
            log.error("log.reset", last=last, seen=self._highest, epoch=epoch)
        self._highest = last
        return Head(last, epoch)

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
            events, ended = self._some(cursor, count)
            for event in events:
                cursor = event.sequence
                if wanted is None or wanted(event):
                    found.append(event)
                    if len(found) == limit:
                        break
            if ended:
                break
        return Page(found, cursor)

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until an event above `after` exists; False when the time ran out first.

        The wait must be shorter than the client's answer timeout.
        """
        ms = max(1, int(seconds * 1000))
        return bool(self._client.xread({keys.LOG: f"{after}-0"}, count=1, block=ms))

    def oldest(self) -> int:
        """Give the lowest cursor that still works."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xrange(keys.LOG, count=1)
            pipe.zrange(keys.ERASED, 0, 0)
            pipe.hget(keys.META, "log_seq")
            first, erased, last = pipe.execute()
        held = [_sequence(entry) for entry, _ in first] + [_erased(one).sequence for one in erased]
        return min(held) - 1 if held else int(last or 0)

    def since(self, ms: int) -> int:
        """Give a cursor before all that was logged at or after `ms`, a minute early at most."""
        marks = self._client.zrange(
            keys.MARKS, ms, "-inf", desc=True, byscore=True, offset=0, num=1
        )
        return max(self.oldest(), int(marks[0]) - 1 if marks else 0)

    def timeline(
        self,
        subject: str,
        limit: int = 100,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> list[LoggedEvent]:
        """Give a company's events, the newest first.

        Those numbered below `before`, the nearest to it; with `after` those above it, the nearest
        to it. An empty subject means events that are about no company.
        """
        key = keys.TIMELINE + subject
        if after is not None:
            numbers = self._client.zrange(
                key, f"({after}", "+inf", byscore=True, offset=0, num=limit
            )[::-1]
        else:
            top = "+inf" if before is None else f"({before}"
            numbers = self._client.zrange(
                key, top, "-inf", desc=True, byscore=True, offset=0, num=limit
            )
        return self._get(numbers)

    def caused(self, subject: str, causes: Collection[str]) -> dict[str, set[str]]:
        """Give what each of these messages caused about a company, by `catalogue.book.identity`."""
        found: dict[str, set[str]] = {}
        before: int | None = None
        while page := self.timeline(subject, SCAN, before=before):
            for event in page:
                if event.cause in causes:
                    found.setdefault(event.cause, set()).add(identity(event.type, event.data))
            before = page[-1].sequence
        return found

    def _some(self, after: int, count: int) -> tuple[list[LoggedEvent], bool]:
        """Give the next events, and whether these are all; erased ones leave their number."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xrange(keys.LOG, f"({after}-0", "+", count=count)
            pipe.zrange(keys.ERASED, f"({after}", "+inf", byscore=True, offset=0, num=count)
            kept, gone = pipe.execute()
        events = [_event(entry, fields) for entry, fields in kept]
        if not gone:
            return events, len(kept) < count
        events += [_erased(one) for one in gone]
        events.sort(key=lambda event: event.sequence)
        ended = len(kept) < count and len(gone) < count and len(events) <= count
        return events[:count], ended

    def _get(self, numbers: Sequence[bytes]) -> list[LoggedEvent]:
        """Read single events by number; those no longer kept are left out."""
        with self._client.pipeline(transaction=False) as pipe:
            for number in numbers:
                entry = f"{int(number)}-0"
                pipe.xrange(keys.LOG, entry, entry)
            return [_event(*found[0]) for found in pipe.execute() if found]

    def _refuse_trimmed(self, after: int) -> None:
        oldest = self.oldest()
        if after < oldest:
            raise CursorTooOld(oldest)


def _sequence(entry: bytes) -> int:
    return int(entry.split(b"-", 1)[0])


def _erased(member: bytes) -> LoggedEvent:
    """Give what stands in the place of an event whose company was forgotten."""
    number, _, ms = member.decode().partition(":")
    return LoggedEvent(
        int(number), "event.erased", "/codat/default", "", int(ms) * 1000, "erasure", {}
    )


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
