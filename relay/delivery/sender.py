"""Post to one subscriber: to judged addresses, by a deadline, keeping little of the answer."""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codat.times import LATEST, any_http_date, parse_http_date
from relay.delivery.addresses import Forbidden, Network, Resolver, check_addresses, parse, resolve
from relay.times import now_ms

MAX_BODY_KEPT = 500  # bytes of an answer's body that are kept
MAX_BODY_DRAINED = 16 * 1024  # bytes read so that the connection can serve again, then closed
TIMEOUT = 15.0  # for one delivery, from connecting to the answer's last byte that is read


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


class WebhookSender:
    """Delivers to one address, over one connection as long as it lasts. For one thread."""

    def __init__(
        self,
        url: str,
        networks: Sequence[Network] = (),
        *,
        seconds: float = TIMEOUT,
        lookup: Resolver = resolve,
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
        got = _Got()
        try:
            reused = self._connection is not None
            try:
                got = self._exchange(body, headers, begun + self._seconds)
            except (http.client.RemoteDisconnected, ConnectionError):
                # An idle connection that the other side has closed meanwhile says nothing of it.
                if not reused:
                    raise
                self.close()
                got = self._exchange(body, headers, begun + self._seconds)
        except (Forbidden, OSError, http.client.HTTPException, ValueError) as fault:
            self.close()
            got = _Got(error=_in_words(fault, self._seconds))
        if got.status is not None and 300 <= got.status < 400:
            got.error = "redirects are not followed"
        ms = int((time.monotonic() - begun) * 1000)
        text = got.kept.decode(errors="replace")
        return Answer(got.status, ms, text, got.error, got.retry_after)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: bytes, headers: Mapping[str, str], deadline: float) -> "_Got":
        place = parse(self._url)
        if self._connection is None:
            found = self._lookup(place.host, place.port)
            addresses = check_addresses(place, found, self._networks)
            context = (self._context or ssl.create_default_context()) if place.secure else None
            self._connection = _Connection(place.host, place.port, addresses, context)
        connection = self._connection
        connection.deadline = deadline
        connection.request(
            "POST", place.target, body=body, headers={"Host": place.authority, **headers}
        )
        response = connection.getresponse()
        if connection.ended:  # http.client takes a head that breaks off for a whole one
            raise http.client.IncompleteRead(b"")
        wait = _seconds_of(response.headers.get("Retry-After"), response.headers.get("Date"))
        got = _Got(response.status, retry_after=wait)
        try:
            got.kept = response.read(MAX_BODY_KEPT)
            if len(got.kept) == MAX_BODY_KEPT and not response.isclosed():
                response.read(MAX_BODY_DRAINED)
        except (http.client.IncompleteRead, ConnectionError):
            connection.ended = True
        if connection.ended and (response.length or response.chunked):
            got.error = "the connection was closed half-way through the answer"
        if connection.ended or not response.isclosed() or response.will_close:
            self.close()
        return got


@dataclass(slots=True)
class _Got:
    """What one exchange brought."""

    status: int | None = None
    kept: bytes = b""
    error: str = ""
    retry_after: float | None = None


class _Connection(http.client.HTTPConnection):
    """A connection to a judged address; TLS is held to the name that was asked for."""

    def __init__(
        self, host: str, port: int, addresses: Sequence[str], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port)
        self.deadline = 0.0
        self.ended = False  # the other side has closed it
        self._addresses = addresses
        self._tls = context

    def connect(self) -> None:
        """Connect within the deadline, to the first of the addresses that answers."""
        raw = self._first_that_answers()
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

    def _first_that_answers(self) -> socket.socket:
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            # An address that does not answer leaves time for those after it.
            seconds = max(0.001, (self.deadline - time.monotonic()) / left)
            try:
                return socket.create_connection((address, self.port), timeout=seconds)
            except OSError:
                if left == 1:
                    raise
        raise OSError("no address")


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


def _seconds_of(text: str | None, said_at: str | None) -> float | None:
    """Read a Retry-After: seconds, or a date, which counts from the answer's own Date."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 8 else None
    # A date long past says "at once"; one that nobody lives to see says nothing.
    until, now = any_http_date(text), parse_http_date(said_at) if said_at else now_ms() / 1000
    return None if until is None or until >= LATEST or now is None else max(0.0, until - now)


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
