"""Post to one subscriber: to a judged address, by a deadline, keeping little of the answer."""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.addresses import Forbidden, Lookup, Network, judge, look_up, parse

KEPT = 500  # bytes of an answer's body that are kept
DRAINED = 16 * 1024  # bytes read so that the connection can serve again; past them it is closed
SECONDS = 15.0  # for one delivery, from connecting to the answer's last byte that is read


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one delivery: a status, or an error in words. `ms` is how long it took."""

    status: int | None
    ms: int
    body: str = ""
    error: str = ""
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the subscriber took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Delivers to one address, over one connection as long as it lasts. For one thread."""

    def __init__(
        self,
        url: str,
        networks: Sequence[Network] = (),
        *,
        seconds: float = SECONDS,
        lookup: Lookup = look_up,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._networks = networks
        self._seconds = seconds
        self._lookup = lookup
        self._context = context
        self._connection: _Connection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Deliver once; raises nothing, whatever the other side does."""
        begun = time.monotonic()
        status, kept, error, wait = None, b"", "", None
        try:
            reused = self._connection is not None
            try:
                status, kept, wait = self._exchange(body, headers, begun + self._seconds)
            except (http.client.RemoteDisconnected, ConnectionError):
                # An idle connection that the other side has closed meanwhile says nothing of it.
                if not reused:
                    raise
                self.close()
                status, kept, wait = self._exchange(body, headers, begun + self._seconds)
        except (Forbidden, OSError, http.client.HTTPException, ValueError) as fault:
            self.close()
            error = _in_words(fault, self._seconds)
        if status is not None and 300 <= status < 400:
            error = "redirects are not followed"
        ms = int((time.monotonic() - begun) * 1000)
        return Answer(status, ms, kept.decode(errors="replace"), error, wait)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, bytes, float | None]:
        place = parse(self._url)
        if self._connection is None:
            found = self._lookup(place.host, place.port)
            address = judge(place, found, self._networks)
            context = (self._context or ssl.create_default_context()) if place.secure else None
            self._connection = _Connection(place.host, place.port, address, context)
        connection = self._connection
        connection.deadline = deadline
        connection.request(
            "POST", place.target, body=body, headers={"Host": place.authority, **headers}
        )
        response = connection.getresponse()
        if connection.ended:  # http.client takes a head that breaks off for a whole one
            raise http.client.IncompleteRead(b"")
        kept = response.read(KEPT)
        if len(kept) == KEPT and not response.isclosed():
            response.read(DRAINED)
        if not response.isclosed() or response.will_close:
            self.close()
        return response.status, kept, _seconds_of(response.headers.get("Retry-After"))


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was judged; TLS is held to the name that was asked for."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.deadline = 0.0
        self.ended = False  # the other side has closed it
        self._address = address
        self._tls = context

    def connect(self) -> None:
        """Connect within the deadline."""
        left = self.deadline - time.monotonic()
        raw = socket.create_connection((self._address, self.port), timeout=max(0.001, left))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected: socket.socket = raw
        if self._tls is not None:
            # A handshake in drips would outlast the timeout of each of its reads.
            end = threading.Timer(max(0.001, self.deadline - time.monotonic()), _cut, (raw,))
            end.daemon = True
            end.start()
            try:
                connected = self._tls.wrap_socket(raw, server_hostname=self.host)
            except BaseException:
                raw.close()
                raise
            finally:
                end.cancel()
        self.sock: Any = _Bounded(connected, self)


class _Bounded:
    """A socket whose every read and write ends by its connection's deadline."""

    def __init__(self, inner: socket.socket, connection: _Connection) -> None:
        self._inner = inner
        self._connection = connection
        self._readers = 0
        self._closing = False

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._hurry()
        self._inner.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Give a reader of what comes back."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def read(self, buffer: Any) -> int:
        """Read some."""
        self._hurry()
        count = self._inner.recv_into(buffer)
        self._connection.ended = count == 0
        return count

    def close(self) -> None:
        """Close the socket once nobody reads from it: http.client closes it before the body."""
        self._closing = True
        if not self._readers:
            self._inner.close()

    def released(self) -> None:
        """Note that a reader is done."""
        self._readers -= 1
        if self._closing:
            self.close()

    def _hurry(self) -> None:
        left = self._connection.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, bounded: _Bounded) -> None:
        self._bounded = bounded

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._bounded.released()

    def readinto(self, buffer: Any) -> int:
        return self._bounded.read(buffer)


def _cut(raw: socket.socket) -> None:
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _seconds_of(text: str | None) -> float | None:
    """Read a Retry-After in seconds; a date is left to the schedule."""
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else None


def _in_words(fault: Exception, seconds: float) -> str:
    match fault:
        case Forbidden():
            return str(fault)
        case TimeoutError():
            return f"no whole answer within {seconds:g} s"
        case ssl.SSLCertVerificationError():
            return f"the certificate is not good: {fault.verify_message}"
        case ssl.SSLError():
            return f"TLS failed ({fault.reason or 'broken off'})"
        case socket.gaierror():
            return "the host's name cannot be looked up"
        case ConnectionRefusedError():
            return "the connection was refused"
        case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionError():
            return "the connection was closed half-way"
        case http.client.HTTPException() | ValueError():
            return f"the answer is not HTTP ({type(fault).__name__})"
        case OSError() if fault.strerror:
            return f"no connection ({fault.strerror})"
        case _:
            return f"no connection ({type(fault).__name__})"
