"""Events as readers get them: each written out once per process, however many read it."""

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import attrgetter

import orjson

from relay.store.log.entries import Entry
from relay.times import iso_from_micros

BLOCK_SIZE = 500  # events; block n holds the numbers from n * BLOCK + 1 on
MAX_BLOCKS = 40  # blocks; with events of the usual size about 15 MB

# U+0085, U+2028 and U+2029 in UTF-8: JSON may hold them, and many readers of lines break at them.
BREAKS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """One event and its text, CloudEvents 1.0 in JSON."""

    sequence: int
    type: str
    subject: str
    json: bytes
    epoch: str = ""
    fault: str = ""  # what of the entry could not be encoded as it is


def encode(entry: Entry, epoch: str) -> EncodedEvent:
    """Return an entry of the log as a CloudEvent: nothing else writes one.

    An event about no company has no `subject`: CloudEvents takes none or one that is not empty.
    """
    text = (
        b'{"specversion":"1.0","id":"%d","source":%s,"type":%s,%s"time":"%s",'
        b'"datacontenttype":"application/json","sequence":"%d","epoch":"%s","cause":%s,"data":%s}'
    ) % (
        entry.sequence,
        orjson.dumps(entry.source),
        orjson.dumps(entry.type),
        b'"subject":%s,' % orjson.dumps(entry.subject) if entry.subject else b"",
        iso_from_micros(entry.time).encode(),
        entry.sequence,
        epoch.encode(),
        orjson.dumps(entry.cause),
        entry.data,
    )
    return EncodedEvent(
        entry.sequence, entry.type, entry.subject, one_line(text), epoch, entry.fault
    )


def one_line(text: bytes) -> bytes:
    """Return JSON text as one line, also for Python's `splitlines`."""
    return text if text.isascii() else BREAKS.sub(_escaped, text)


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log. `last` is its newest number, `oldest` the lowest cursor that works.

    A reset log has another epoch. `losses` counts how often events were dropped from its midst.
    """

    last: int
    epoch: str
    oldest: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Events as they were read, and the lowest cursor for which none is missing among them."""

    events: list[EncodedEvent]
    oldest: int = 0


@dataclass(frozen=True, slots=True)
class _Block:
    """Events of one block up to a number; being read, or read."""

    up_to: int
    part: Future[Part] = field(default_factory=Future)


class EventBlocks:
    """The latest read blocks of the log. Whoever needs one that is being read waits for it."""

    def __init__(self, fetch: Callable[[int, int, Head], Part]) -> None:
        self._fetch = fetch  # returns the events above one number, up to another
        self._lock = threading.Lock()
        self._held: OrderedDict[int, _Block] = OrderedDict()
        self._head = Head(0, "")

    def after(self, cursor: int, up_to: int, head: Head) -> tuple[list[EncodedEvent], int]:
        """Return events above `cursor`: to the end of its block or `up_to`, whichever is first.

        And the lowest cursor for which none is missing: the log may be trimmed while we read. What
        was read before the log was reset or lost events in its midst is read again.
        """
        number = cursor // BLOCK_SIZE
        up_to = min(up_to, (number + 1) * BLOCK_SIZE)
        part = self._block(number, up_to, head)
        first = bisect_right(part.events, cursor, key=attrgetter("sequence"))
        last = bisect_right(part.events, up_to, key=attrgetter("sequence"))
        return part.events[first:last], part.oldest

    def newest(self, epoch: str) -> EncodedEvent | None:
        """Return the newest event that was read of this epoch, if it is still held."""
        with self._lock:
            blocks = sorted(self._held.items(), reverse=True)
            blocks = blocks if self._head.epoch == epoch else []
        for _, block in blocks:
            read = block.part.done() and block.part.exception() is None
            if read and block.part.result().events:
                return block.part.result().events[-1]
        return None

    def _block(self, number: int, up_to: int, head: Head) -> Part:
        with self._lock:
            if head.epoch != self._head.epoch or head.losses > self._head.losses:
                self._held.clear()
                self._head = head
            known = self._held.get(number)
            block = known if known is not None and known.up_to >= up_to else _Block(up_to)
            self._held[number] = block
            self._held.move_to_end(number)
            if len(self._held) > MAX_BLOCKS:
                self._held.popitem(last=False)
        if block is not known:
            self._fill(number, block, known, head)
        return block.part.result()

    def _fill(self, number: int, block: _Block, known: _Block | None, head: Head) -> None:
        try:
            before = known.part.result() if known else Part([])
            more = self._fetch(known.up_to if known else number * BLOCK_SIZE, block.up_to, head)
            block.part.set_result(Part([*before.events, *more.events], more.oldest))
        except BaseException as error:
            with self._lock:
                if self._held.get(number) is block:
                    del self._held[number]
            block.part.set_exception(error)
