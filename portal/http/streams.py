"""Open streams of server-sent events: their limits, and a body that releases its stream."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import structlog

from portal.http.problems import Refusal

MEDIA_TYPE = "text/event-stream"
BUSY_SECONDS = 10
STALL_SECONDS = 10.0  # a stream that ends this long after its last piece had stalled

log = structlog.get_logger(__name__)


class Streams:
    """The streams that are open, counted in all and by name: a token's, or a journey's id."""

    def __init__(self, limit: int, limit_per_name: int) -> None:
        self._limit = limit
        self._limit_per_name = limit_per_name
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def acquire(self, name: str) -> None:
        """Count one more stream; raise Refusal when there may be no more."""
        with self._lock:
            if self._open.total() >= self._limit:
                raise _full(f"{self._limit} streams are open in this process, which is all")
            if self._open[name] >= self._limit_per_name:
                raise _full(
                    f"this token has {self._limit_per_name} streams open, which is all it may"
                )
            self._open[name] += 1

    def release(self, name: str) -> None:
        """Count one stream less."""
        with self._lock:
            self._open[name] -= 1

    def count(self) -> int:
        """Return how many are open."""
        with self._lock:
            return self._open.total()


class StreamBody:
    """A response's body that calls `release` when it ends, even before its first piece."""

    def __init__(self, pieces: Iterator[bytes], release: Callable[[], None]) -> None:
        self._pieces = pieces
        self._release = release
        self._open = True
        self._sent_at = time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces as they come."""
        for piece in self._pieces:
            self._sent_at = time.monotonic()
            yield piece

    def close(self) -> None:
        """End the stream; the server calls this at its end, also after a failure."""
        if self._open:
            self._open = False
            self._release()
            waited = time.monotonic() - self._sent_at
            if waited > STALL_SECONDS:
                log.info("stream.dropped", reason="it took nothing", seconds=round(waited))


def _full(what: str) -> Refusal:
    return Refusal("busy", f"{what}; use /v1/events meanwhile.", retry_after=BUSY_SECONDS)
