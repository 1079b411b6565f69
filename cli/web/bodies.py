"""Wait for the bodies of requests, and work on the requests whose body is there."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from cli.web.threads import Threads

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
T = TypeVar("T")

GRACE_SECONDS = 2.0  # in which a body may come however many there are
POLL_SECONDS = 0.25  # between two looks at the bodies that are waited for
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one sort of requests may take up.

    `threads` work on them at once and `queue` more wait for one; a body has `max_body` bytes, and
    `bodies` of all or `bodies_of_one` of one address are waited for at once. One that breaks off,
    or whose chunks cannot be read, is answered with the status `cut_off`.
    """

    name: str
    threads: int
    max_body: int
    queue: int = 512
    bodies: int = 256
    bodies_of_one: int = 64
    cut_off: int = 400


class Refused(Exception):
    """The request is answered here, and its connection ends."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(eq=False, slots=True)
class Body:
    """A body that is waited for, with its sender and since when (the loop's time).

    `ended` is the status and the reason with which it is refused. It is no exception: one that is
    raised and kept here would hold its request, and so the connection, until the next collection.
    """

    sender: str
    since: float
    task: "asyncio.Task[Any]"
    ended: tuple[int, str] | None = None

    def end(self, status: int, reason: str) -> None:
        """Wait for it no more."""
        self.ended = status, reason
        self.task.cancel()


class PendingBodies:
    """The bodies that are waited for, and which of them to end."""

    def __init__(self, limits: RequestLimits, seconds: float) -> None:
        self._limits = limits
        self._seconds = seconds
        self._bodies: dict[Body, None] = {}  # the oldest first

    def add(self, body: Body) -> None:
        """Count one more."""
        self._bodies[body] = None

    def remove(self, body: Body) -> None:
        """Count one less, unless it was ended before."""
        self._bodies.pop(body, None)

    def tidy(self, now: float) -> None:
        """End those whose time is up, and of slow ones that are too many the oldest."""
        slow: defaultdict[str, deque[Body]] = defaultdict(deque)
        for body in list(self._bodies):
            waited = now - body.since
            if waited >= self._seconds:
                self._end(body)
            elif waited >= GRACE_SECONDS:
                slow[body.sender].append(body)
        for bodies in slow.values():
            while len(bodies) > self._limits.bodies_of_one:
                self._end(bodies.popleft())
        too_many = sum(map(len, slow.values())) - self._limits.bodies
        for _ in range(too_many):
            self._end(max(slow.values(), key=len).popleft())

    def end(self, status: int, reason: str) -> None:
        """End all of them."""
        for body in list(self._bodies):
            self._end(body, status, reason)

    def _end(
        self, body: Body, status: int = 408, reason: str = "the body did not come in time"
    ) -> None:
        del self._bodies[body]
        body.end(status, reason)

    def count(self) -> int:
        """Return how many there are."""
        return len(self._bodies)


class RequestPool:
    """The threads for one sort of requests, and the bodies that are waited for."""

    def __init__(self, limits: RequestLimits, seconds: float) -> None:
        self.limits = limits
        self._waiting = PendingBodies(limits, seconds)
        self._is_looked_after = False
        self._threads = Threads(limits.name, limits.threads)
        self._taken = 0

    async def read(self, receive: Receive, sender: str) -> bytes:
        """Return a body once it is whole; raises Refused."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        body = Body(sender, loop.time(), task)
        self._waiting.add(body)
        if not self._is_looked_after:
            self._is_looked_after = True
            loop.call_later(POLL_SECONDS, self._look_after)
        try:
            return await _read(receive, self.limits)
        except asyncio.CancelledError:
            if body.ended is None:
                raise
            task.uncancel()
            log.info("request.too_slow", sender=sender, route=self.limits.name)
            raise Refused(*body.ended) from None
        finally:
            self._waiting.remove(body)

    def end_bodies(self) -> None:
        """Wait for no body any more, as the process stops."""
        self._waiting.end(503, "this process stops; try again")

    async def work(self, call: Callable[[], T]) -> T:
        """Have a thread do it; raises Refused when too much waits for one already."""
        if self._taken >= self.limits.threads + self.limits.queue:
            raise Refused(503, "too many requests wait already; try again")
        self._taken += 1
        try:
            return await self._threads.run(call)
        finally:
            self._taken -= 1

    def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting.tidy(loop.time())
        self._is_looked_after = self._waiting.count() > 0
        if self._is_looked_after:
            loop.call_later(POLL_SECONDS, self._look_after)


async def _read(receive: Receive, limits: RequestLimits) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(limits.cut_off, "the body ended early, or its chunks cannot be read")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limits.max_body:
            raise too_large(limits)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def too_large(limits: RequestLimits) -> Refused:
    """Return the refusal of a body that is too large."""
    return Refused(413, f"the body may have {limits.max_body} bytes at most")
