"""One reader's way along the log: what a live stream sends, and when it ends."""

import time
from collections.abc import Callable, Iterator

from portal.http.tail import Tail
from relay.store.log.encoded import EncodedEvent, Head
from relay.store.log.reader import CursorTooOld, Events, LogReset

HEARTBEAT = 15.0  # seconds; less than what proxies allow for silence
WAKE_SECONDS = 1.0  # at most, until the server may notice that the reader has gone
RETRY_MS = 3000  # what a client waits before it connects again
BATCH_SIZE = 500  # events written in one piece
RESET = "the log was reset"
REVOKED = "its token is no longer valid"
MAX_LAG = 50_000  # events that a stream may fall behind once it was up to date


class Follow:
    """One reader's way along the log."""

    def __init__(
        self,
        tail: Tail,
        events: Events,
        cursor: int,
        epoch: str,
        fits: Callable[[EncodedEvent], bool] | None,
        *,
        heartbeat: float = HEARTBEAT,
        is_let_in: Callable[[], bool] = lambda: True,
    ) -> None:
        self._tail = tail
        self._events = events
        self._cursor = cursor
        self._epoch = epoch
        self._fits = fits
        self._heartbeat = heartbeat
        self._is_let_in = is_let_in
        self._was_live = False

    def pieces(self) -> Iterator[bytes]:
        """Yield what is to be sent until the reader is too slow or the process stops."""
        # The cursor too: a reader that began now and hears nothing must know from where on.
        yield b"retry: %d\n%s" % (RETRY_MS, self._place())
        sent = time.monotonic()
        while True:
            head = self._tail.wait(self._cursor, min(WAKE_SECONDS, self._heartbeat))
            if self._tail.is_ended:  # it connects again, to another process
                return
            reason = self._too_late(head)
            if reason:
                yield _dropped(reason, self._cursor)
                return
            try:
                some = self._events.read(self._cursor, BATCH_SIZE, head=head)
            except CursorTooOld as error:
                yield _dropped(str(error), self._cursor)
                return
            except LogReset:
                yield _dropped(RESET, self._cursor)
                return
            self._cursor = some.cursor
            self._was_live = self._was_live or self._cursor == head.last
            fitting = some.events if self._fits is None else list(filter(self._fits, some.events))
            if fitting:
                yield b"".join([_piece(one) for one in fitting])
                sent = time.monotonic()
            elif time.monotonic() - sent >= self._heartbeat:
                yield self._place()
                sent = time.monotonic()
            else:
                yield b""  # sends nothing, and ends the stream of a reader that has gone

    def _place(self) -> bytes:
        """Return a line with the place: no blank line ends it, which many take for an event."""
        return b"id: %s:%d\n" % (self._epoch.encode(), self._cursor)

    def _too_late(self, head: Head) -> str:
        """Return why the stream must end: its token, another log, a slow reader; else ''."""
        if not self._is_let_in():
            return REVOKED
        if head.epoch != self._epoch:
            return RESET
        behind = head.last - self._cursor
        return f"it fell {behind} events behind" if self._was_live and behind > MAX_LAG else ""


def _piece(event: EncodedEvent) -> bytes:
    """Write an event as server-sent events have it; the id is its epoch and number."""
    return b"id: %s:%d\nevent: %s\ndata: %s\n\n" % (
        event.epoch.encode(),
        event.sequence,
        event.type.encode(),
        event.json,
    )


def _dropped(reason: str, cursor: int) -> bytes:
    return b'event: relay.dropped\ndata: {"reason":"%s","cursor":"%d"}\n\n' % (
        reason.encode(),
        cursor,
    )
