"""The end of the log, read once per process and shared by all live streams."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import structlog
from redis.exceptions import RedisError

from relay.store.events import Events, LoggedEvent

RING = 10_000  # events kept in memory for streams that are up to date
PAGE = 500
PATIENCE = 1.0  # seconds between two looks at a store that does not answer
IDLE_AFTER = 20.0  # seconds without any stream, after which reading ends


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as a stream sends it, made once for all of them."""

    sequence: int
    type: str
    subject: str
    text: bytes


def frame(event: LoggedEvent) -> Frame:
    """Write an event as server-sent events have it; its number is the id."""
    data = orjson.dumps(event.cloud_event())
    text = b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, event.type.encode(), data)
    return Frame(event.sequence, event.type, event.subject, text)


class Tail:
    """Reads new events in one thread while there are streams, and wakes them."""

    def __init__(
        self, events: Events, wait: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._wait = wait  # seconds; less than the store's client waits for an answer
        self._now = now
        self._ring: deque[Frame] = deque(maxlen=RING)
        self._changed = threading.Condition()
        self._running = False
        self._wanted_at = 0.0
        self.last = 0  # the newest number read

    def after(self, cursor: int, limit: int, seconds: float) -> list[Frame] | None:
        """Give frames above `cursor`, waiting for the first; None when memory starts later.

        Empty when the time ran out.
        """
        until = self._now() + seconds
        with self._changed:
            self._wanted_at = self._now()
            self._start(cursor)
            while True:
                if cursor < self._begins:
                    return None
                if cursor < self.last:
                    skip = cursor - self._begins
                    return [self._ring[n] for n in range(skip, min(skip + limit, len(self._ring)))]
                left = until - self._now()
                if left <= 0:
                    return []
                self._changed.wait(left)

    def close(self) -> None:
        """Stop reading, until a stream asks again."""
        with self._changed:
            self._wanted_at = self._now() - IDLE_AFTER - 1

    @property
    def _begins(self) -> int:
        return self.last - len(self._ring)

    def _start(self, cursor: int) -> None:
        if self._running:
            return
        self.last = max(cursor, self._events.last())
        self._ring.clear()
        self._running = True
        threading.Thread(target=self._read, name="tail", daemon=True).start()

    def _read(self) -> None:
        while True:
            with self._changed:
                if self._now() - self._wanted_at > IDLE_AFTER:
                    self._running = False
                    return
            try:
                frames = [frame(event) for event in self._events.read(self.last, PAGE).events]
                if frames:
                    self._add(frames)
                elif not self._events.wait(self.last, self._wait):
                    self._begin_again_after_a_reset()
            except RedisError as error:
                structlog.get_logger(__name__).warning("tail.away", error=str(error)[:200])
                time.sleep(PATIENCE)
            except Exception:
                structlog.get_logger(__name__).exception("tail.failed")
                time.sleep(PATIENCE)

    def _add(self, frames: list[Frame]) -> None:
        with self._changed:
            for one in frames:
                if one.sequence != self.last + 1:
                    self._ring.clear()
                self._ring.append(one)
                self.last = one.sequence
            self._changed.notify_all()

    def _begin_again_after_a_reset(self) -> None:
        last = self._events.last()
        if last < self.last:
            with self._changed:
                self._ring.clear()
                self.last = last
                self._changed.notify_all()
