"""Throws a storm at an endpoint from one process, as fast as it is taken, and keeps the score.

Raw sockets with one request at a time on each, since a usual HTTP client takes longer to send a
webhook than a good receiver takes to store it.
"""

import heapq
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from codat.signature import Verifier
from sandbox.webhooks.messages import USER_AGENT, Message

TIMEOUT = 15.0  # Codat: using-the-api/webhooks/create-consumer
ATTEMPTS = 8
WAIT, MAX_WAIT = 0.1, 5.0  # seconds before another attempt, doubling
READ = 65_536
SMALLEST_WAIT = 0.001
Note = Callable[[Message, int, int | None, str], None]
Say = Callable[[int], None]


def _nothing(*what: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Score:
    """What became of a storm: messages sent, acknowledged (2xx) and given up; times in seconds."""

    sent: int = 0
    attempts: int = 0
    acknowledged: int = 0
    given_up: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list, repr=False)

    def shown(self) -> dict[str, Any]:
        """Show the score, with the middle and the worst hundredth of the waits for an answer."""
        shown = {name: value for name, value in asdict(self).items() if name != "waits"}
        waits = sorted(self.waits) or [0.0]
        shown["per_second"] = round(self.acknowledged / max(self.seconds, 1e-9), 1)
        shown["p50_ms"] = round(waits[len(waits) // 2] * 1000, 2)
        shown["p99_ms"] = round(waits[len(waits) * 99 // 100] * 1000, 2)
        return shown


@dataclass(slots=True)
class _Line:
    """One connection, and the message that is under way on it."""

    socket: socket.socket
    message: Message | None = None
    attempt: int = 0
    sent_at: float = 0.0
    came: bytes = b""


class LoadGenerator:
    """Sends messages over a fixed number of connections; `rate` caps attempts a second."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        connections: int = 16,
        rate: float | None = None,
        note: Note = _nothing,
        said: Say = _nothing,
    ) -> None:
        where = urlsplit(url)
        self._address = (where.hostname or "127.0.0.1", where.port or 80)
        self._path = where.path or "/"
        self._verifier = Verifier(secret)
        self._connections, self._rate = connections, rate
        self._note, self._said = note, said
        self._idle: deque[_Line] = deque()
        self._busy: dict[int, _Line] = {}
        self._poll = select.poll()
        self._late: list[tuple[float, int, Message, int]] = []
        self._order = count()
        self._score = Score()

    def throw(self, messages: list[Message]) -> Score:
        """Send every message until it is acknowledged or given up."""
        waiting = deque(messages)
        self._score = Score(sent=len(messages))
        began = time.perf_counter()
        try:
            while waiting or self._late or self._busy:
                wait = self._fill(waiting, began)
                for descriptor, _ in self._poll.poll(wait * 1000):
                    self._hear(self._busy[descriptor])
                self._expire()
        finally:
            self._score.seconds = time.perf_counter() - began
            for line in (*self._idle, *self._busy.values()):
                line.socket.close()
            self._idle.clear()
            self._busy.clear()
        return self._score

    def _fill(self, waiting: deque[Message], began: float) -> float:
        """Put what is due on the wire; say how long to wait for answers at most."""
        while len(self._busy) < self._connections:
            now = time.perf_counter()
            ahead = self._rate and self._score.attempts / self._rate - (now - began)
            if ahead and ahead > 0:
                return max(SMALLEST_WAIT, ahead)
            if self._late and self._late[0][0] <= now:
                _, _, message, attempt = heapq.heappop(self._late)
            elif waiting:
                message, attempt = waiting.popleft(), 1
            else:
                break
            self._send(message, attempt)
        if self._late and len(self._busy) < self._connections:
            return max(SMALLEST_WAIT, min(1.0, self._late[0][0] - time.perf_counter()))
        return 1.0

    def _send(self, message: Message, attempt: int) -> None:
        self._score.attempts += 1
        try:
            line = self._idle.popleft() if self._idle else self._open()
        except OSError:
            self._failed(message, attempt, None)
            return
        line.message, line.attempt, line.sent_at = message, attempt, time.perf_counter()
        try:
            line.socket.sendall(self._request(message))
        except OSError:
            line.socket.close()
            self._failed(message, attempt, None)
            return
        descriptor = line.socket.fileno()
        self._busy[descriptor] = line
        self._poll.register(descriptor, select.POLLIN)

    def _open(self) -> _Line:
        made = socket.create_connection(self._address, timeout=TIMEOUT)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Line(made)

    def _request(self, message: Message) -> bytes:
        now = int(time.time())
        signature = self._verifier.sign(message.id, now, message.body)
        host, port = self._address
        return (
            f"POST {self._path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {USER_AGENT}\r\n"
            "Content-Type: application/json\r\n"
            f"webhook-id: {message.id}\r\nwebhook-timestamp: {now}\r\n"
            f"webhook-signature: {signature}\r\nContent-Length: {len(message.body)}\r\n\r\n"
        ).encode() + message.body

    def _hear(self, line: _Line) -> None:
        try:
            came = line.socket.recv(READ)
        except OSError:
            came = b""
        line.came += came
        status = _status(line.came)
        if came and status is None:
            return
        message = self._free(line, is_usable=bool(came) and b"close" not in line.came.lower())
        if status is not None and 200 <= status < 300:
            self._score.acknowledged += 1
            self._score.waits.append(time.perf_counter() - line.sent_at)
            message.taken = True
            self._note(message, line.attempt, status, "taken")
            self._said(1)
        else:
            self._failed(message, line.attempt, status)
        line.came = b""

    def _free(self, line: _Line, *, is_usable: bool) -> Message:
        descriptor, message = line.socket.fileno(), line.message
        self._poll.unregister(descriptor)
        del self._busy[descriptor]
        if is_usable:
            self._idle.append(line)
        else:
            line.socket.close()
        if message is None:
            raise AssertionError("a busy line has a message")
        line.message = None
        return message

    def _failed(self, message: Message, attempt: int, status: int | None) -> None:
        if attempt >= ATTEMPTS:
            self._score.given_up += 1
            message.taken = bool(message.taken)
            self._note(message, attempt, status, "given up")
            self._said(1)
            return
        self._note(message, attempt, status, "failed")
        due = time.perf_counter() + min(MAX_WAIT, WAIT * 2 ** (attempt - 1))
        heapq.heappush(self._late, (due, next(self._order), message, attempt + 1))

    def _expire(self) -> None:
        """Return up on answers that take longer than Codat would wait."""
        now = time.perf_counter()
        for line in [one for one in self._busy.values() if now - one.sent_at > TIMEOUT]:
            self._failed(self._free(line, is_usable=False), line.attempt, None)


def _status(came: bytes) -> int | None:
    """Read an answer's status once all of it has come; None before."""
    head, found, rest = came.partition(b"\r\n\r\n")
    if not found:
        return None
    length = 0
    for header in head.split(b"\r\n")[1:]:
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return int(head.split(b" ", 2)[1]) if len(rest) >= length else None
