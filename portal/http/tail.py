"""The end of the log, watched once per process for all its live streams and long polls."""

import threading
import time
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from relay.store.log.encoded import Head
from relay.store.log.reader import Events
from relay.times import Seconds

RETRY_SECONDS = 1.0  # seconds between two looks at a store that does not answer
IDLE_SECONDS = 20.0  # seconds without any reader, after which watching ends


class Tail:
    """Watches for new events in one thread while there are readers, and wakes them."""

    def __init__(
        self, events: Events, wait: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._wait = wait  # seconds; less than the store's client waits for an answer
        self._now = now
        self._changed = threading.Condition()
        self._running = False
        self._waiting = 0
        self._wanted_at = 0.0
        self._head = Head(0, "")
        self.is_ended = False

    def wait(self, cursor: int, seconds: float) -> Head:
        """Return how the log stands once it is past `cursor`, the time is up, or it is ended."""
        until = self._now() + seconds
        with self._changed:
            self._start()
            self._waiting += 1
            try:
                self._changed.wait_for(
                    lambda: self.is_ended or self._head.last > cursor, until - self._now()
                )
            finally:
                self._waiting -= 1
                self._wanted_at = self._now()
            return self._head

    def end(self) -> None:
        """End all waiting, as the process stops: readers see `is_ended`, and stop."""
        with self._changed:
            self.is_ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop watching once no reader waits, until one asks again."""
        with self._changed:
            self._wanted_at = self._now() - IDLE_SECONDS - 1

    def _start(self) -> None:
        if self._running:
            return
        self._head = self._events.head()
        self._running = True
        self._wanted_at = self._now()
        threading.Thread(target=self._watch, name="tail", daemon=True).start()

    def _watch(self) -> None:
        while True:
            with self._changed:
                idle = self.is_ended or self._now() - self._wanted_at > IDLE_SECONDS
                if idle and not self._waiting:
                    self._running = False
                    return
            try:
                head = self._events.head()  # first: after a fail-over the log may be shorter
                with self._changed:
                    self._head = head
                    self._changed.notify_all()
                self._events.wait(head.last, Seconds(self._wait))
            except RedisError as error:
                structlog.get_logger(__name__).warning("tail.away", error=str(error)[:200])
                time.sleep(RETRY_SECONDS)
            except Exception:
                structlog.get_logger(__name__).exception("tail.failed")
                time.sleep(RETRY_SECONDS)
