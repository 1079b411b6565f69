"""Read the event log: one stream, numbered without a gap."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from relay.events.catalogue import identity
from relay.store import keys
from relay.store.log.encoded import BLOCK_SIZE, EncodedEvent, EventBlocks, Head, Part, encode
from relay.store.log.entries import Entry, Fields, read_entry
from relay.store.log.epochs import Epochs
from relay.store.scripts import Scripts
from relay.times import Millis, Seconds

ERASED = "event.erased"
TIME_INDEX_MS = (
    60_000  # as `commit.lua` has it: what is logged within it after a mark has none of its own
)
TIMELINE_SCAN_COUNT = 1000  # keys looked at per round trip for timelines
SCAN_LIMIT = 1000  # log entries looked at per round trip when a filter leaves most of them out
MAX_DAMAGED = 100  # numbers of damaged entries that are kept, the newest

log = structlog.get_logger(__name__)


class CursorTooOld(Exception):
    """Events after this cursor have been dropped; `oldest` is the first cursor that still works."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        super().__init__(f"events up to {oldest} are no longer kept")


class LogReset(Exception):
    """Another epoch of the log began while it was read."""


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, and the cursor to ask with next: it also passes what a filter left out."""

    events: list[EncodedEvent]
    cursor: int


class Events:
    """The event log of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._blocks = EventBlocks(self._write)
        self._epochs = Epochs(client, scripts, self._lost)
        self._noted: dict[int, str] = {}  # damaged entries that this process has logged

    def last(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        return self.head().last

    def head(self) -> Head:
        """Return the state of the log; a reset is noticed here."""
        return self._epochs.head()

    def lose(self, known: str) -> bool:
        """Log that data of the epoch `known` is missing; False when that was logged before."""
        return self._epochs.lose(known)

    def read(
        self,
        after: int,
        limit: int,
        wanted: Callable[[EncodedEvent], bool] | None = None,
        *,
        up_to: int | None = None,
        head: Head | None = None,
    ) -> Page:
        """Return up to `limit` wanted events numbered above `after`; raises CursorTooOld.

        All readers of a process share what was read. `up_to` is the last number to look at. `head`
        is how the log stood when the reader last asked; LogReset if that is no longer so. Without
        it a cursor that is ahead of the log after a reset goes back.
        """
        if head is None:
            head = self.head()
            try:
                return self.read(min(after, head.last), limit, wanted, up_to=up_to, head=head)
            except LogReset:
                return self.read(after, limit, wanted, up_to=up_to)
        _refuse_gone(after, head.oldest)
        stop = head.last if up_to is None else min(up_to, head.last)
        found: list[EncodedEvent] = []
        cursor = after
        while cursor < stop and len(found) < limit:
            some, oldest = self._blocks.after(cursor, stop, head)
            _refuse_gone(cursor, oldest)  # they may have gone since the head was asked for
            fitting = some if wanted is None else [one for one in some if wanted(one)]
            if len(found) + len(fitting) >= limit:
                found += fitting[: limit - len(found)]
                return Page(found, found[-1].sequence)
            found += fitting
            cursor = min(stop, (cursor // BLOCK_SIZE + 1) * BLOCK_SIZE)
        return Page(found, cursor)

    def wait(self, after: int, seconds: Seconds) -> bool:
        """Wait until an event above `after` exists; False when the time ran out first.

        The wait must be shorter than the client's answer timeout.
        """
        ms = max(1, int(seconds * 1000))
        return bool(self._client.xread({keys.LOG: f"{after}-0"}, count=1, block=ms))

    def oldest(self) -> int:
        """Return the lowest cursor that still works."""
        return self.head().oldest

    def since(self, ms: Millis) -> int:
        """Return a cursor before all that was logged at or after `ms`, a minute early at most.

        Of a moment to come that is the newest event.
        """
        head = self.head()
        options = {"byscore": True, "offset": 0, "num": 1, "withscores": True}
        before = self._client.zrange(keys.TIME_INDEX, ms, "-inf", desc=True, **options)
        if not before:  # the first mark may have been trimmed while events of its minute were not
            first = head.oldest + 1
        elif ms < before[0][1] + TIME_INDEX_MS:
            first = int(before[0][0])
        else:  # nothing was logged from then until the next mark
            later = self._client.zrange(keys.TIME_INDEX, f"({ms}", "+inf", **options)
            first = int(later[0][0]) if later else head.last + 1
        return max(head.oldest, first - 1)

    def prune_timelines(self, rounds: int) -> None:
        """Go on through the timelines and drop what the log no longer has.

        For companies without new events: those of others are pruned with their next event.
        """
        oldest = self.oldest()
        if not oldest:
            return
        position = int(self._client.hget(keys.META, "timelines_at") or 0)
        for _ in range(rounds):
            position, found = self._client.scan(
                position, keys.TIMELINE + "*", TIMELINE_SCAN_COUNT, _type="zset"
            )
            with self._client.pipeline(transaction=False) as pipe:
                for key in found:
                    pipe.zremrangebyscore(key, "-inf", oldest)
                pipe.hset(keys.META, "timelines_at", position)
                pipe.execute()
            if not position:
                return

    def timeline(
        self,
        subject: str,
        limit: int = 100,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> list[EncodedEvent]:
        """Return a company's events, the newest first.

        Those numbered below `before`, the nearest to it; with `after` those above it, the nearest
        to it. An empty subject means events that are about no company.
        """
        head = self.head()
        entries = self._timeline(head, subject, limit, before=before, after=after)
        return [encode(entry, head.epoch) for entry in entries]

    def _timeline(
        self, head: Head, subject: str, limit: int, *, before: int | None, after: int | None = None
    ) -> list[Entry]:
        key = keys.TIMELINE + subject
        some = {"byscore": True, "offset": 0, "num": limit}
        if after is not None:
            lowest = f"({max(after, head.oldest)}"
            numbers = self._client.zrange(key, lowest, "+inf", **some)[::-1]
        else:
            top = "+inf" if before is None else f"({before}"
            numbers = self._client.zrange(key, top, f"({head.oldest}", desc=True, **some)
        return self._get(numbers)

    def caused(self, subject: str, causes: Collection[str]) -> dict[str, set[str]]:
        """Return what each of these messages caused about a company, by `catalogue.identity`."""
        found: dict[str, set[str]] = {}
        before: int | None = None
        head = self.head()
        while page := self._timeline(head, subject, SCAN_LIMIT, before=before):
            for entry in page:
                if entry.cause in causes:
                    found.setdefault(entry.cause, set()).add(identity(entry.type, entry.content))
            before = page[-1].sequence
        return found

    def _write(self, after: int, up_to: int, head: Head) -> Part:
        entries, oldest = self._between(after, up_to)
        if not self._epochs.holds(head.epoch):
            raise LogReset
        written = [encode(read_entry(number, fields), head.epoch) for number, fields in entries]
        self._note(written)
        return Part(written, oldest)

    def damaged(self) -> list[int]:
        """Return the numbers of entries that readers met and that cannot be shown as they are.

        Those that are still so, the latest hundred at most, in order.
        """
        names = self._client.zrange(keys.DAMAGED, self.head().oldest + 1, "+inf", byscore=True)
        return [entry.sequence for entry in self._get(names) if entry.fault]

    def _note(self, events: Sequence[Entry | EncodedEvent]) -> None:
        """Log entries that could not be encoded as they are, once each."""
        for event in events:
            if not event.fault or self._noted.get(event.sequence) == event.fault:
                continue
            if len(self._noted) >= MAX_DAMAGED:
                self._noted.clear()
            self._noted[event.sequence] = event.fault
            log.warning("event.damaged", sequence=event.sequence, fault=event.fault)
            try:
                with self._client.pipeline(transaction=False) as pipe:
                    pipe.zadd(keys.DAMAGED, {str(event.sequence): event.sequence})
                    pipe.zremrangebyrank(keys.DAMAGED, 0, -MAX_DAMAGED - 1)
                    pipe.execute()
            except RedisError as error:  # the reader goes on; the line above is in the log
                log.warning("event.not_noted", sequence=event.sequence, error=str(error)[:200])

    def _lost(self, head: Head) -> bool:
        """Report whether what was read last is no longer in the log, or was replaced."""
        newest = self._blocks.newest(head.epoch)
        if newest is None:
            return False
        entries, oldest = self._between(newest.sequence - 1, newest.sequence)
        if newest.sequence <= oldest:
            return False
        held = [encode(read_entry(number, fields), head.epoch) for number, fields in entries]
        return not held or (held[0].json != newest.json and held[0].type != ERASED)

    def _between(self, after: int, up_to: int) -> tuple[list[tuple[int, Fields]], int]:
        """Return the entries above a number, up to another; what is gone has left its number.

        And the lowest cursor that worked once they were read: below it some may be missing.
        """
        asked = ["log_oldest", "log_thinned", "log_thinned_at"]
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xrange(keys.LOG, f"({after}-0", f"{up_to}-0")
            pipe.zrange(keys.ERASED, f"({after}", up_to, byscore=True)
            pipe.hmget(keys.META, asked)
            kept, erased, [oldest, thinned, at] = pipe.execute()
        oldest = int(oldest or 0)
        entries: dict[int, Fields] = {_sequence(entry): fields for entry, fields in kept}
        for member in erased:
            number, _, ms = member.partition(b":")
            entries[int(number)] = _gone(b"forgotten", ms)
        if thinned and int(thinned) > after:
            for number in range(max(after, oldest) + 1, min(up_to, int(thinned)) + 1):
                entries.setdefault(number, _gone(b"retention", at))
        return sorted(entries.items()), oldest

    def _get(self, numbers: Sequence[bytes]) -> list[Entry]:
        """Read single events by number; those no longer kept are left out."""
        with self._client.pipeline(transaction=False) as pipe:
            for number in numbers:
                entry = f"{int(number)}-0"
                pipe.xrange(keys.LOG, entry, entry)
            found = [entries[0] for entries in pipe.execute() if entries]
        entries = [read_entry(_sequence(entry), fields) for entry, fields in found]
        self._note(entries)
        return entries


def _refuse_gone(cursor: int, oldest: int) -> None:
    if cursor < oldest:
        raise CursorTooOld(oldest)


def _sequence(entry: bytes) -> int:
    return int(entry.split(b"-", 1)[0])


def _gone(reason: bytes, ms: bytes) -> Fields:
    """Return what takes the place of an event that was dropped from the log's midst."""
    return {
        b"type": ERASED.encode(),
        b"source": b"/codat/default",
        b"subject": b"",
        b"time": ms + b"000",
        b"cause": b"erasure",
        b"data": b'{"reason":"%s"}' % reason,
    }
