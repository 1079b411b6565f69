"""Post webhooks to a subscriber: only to allowed addresses, and never past a deadline."""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codat.times import LATEST, any_http_date, parse_http_date
from relay.delivery.addresses import Forbidden, Network, Resolver, check_addresses, parse, resolve
from relay.delivery.connection import BoundedConnection
from relay.times import now_ms

MAX_BODY_KEPT = 500  # bytes of an answer's body
MAX_BODY_DRAINED = 16 * 1024  # bytes; the connection is reused only if the body ends within
TIMEOUT = 15.0  # seconds for one delivery, from connecting to the last byte that is read


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one delivery: a status, or an error in words. `ms` is how long it took."""

    status: int | None
    ms: int
    body: str = ""
    error: str = ""
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the subscriber took the delivery: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


class WebhookSender:
    """Delivers to one URL, and reuses its connection while that lasts. For one thread."""

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
        self._connection: BoundedConnection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Deliver once. Every failure becomes an `Answer`; nothing is raised."""
        begun = time.monotonic()
        got = _Response()
        try:
            reused = self._connection is not None
            try:
                got = self._exchange(body, headers, begun + self._seconds)
            except (http.client.RemoteDisconnected, ConnectionError):
                # The other side may close an idle connection; that is no failure. Connect again.
                if not reused:
                    raise
                self.close()
                got = self._exchange(body, headers, begun + self._seconds)
        except (Forbidden, OSError, http.client.HTTPException, ValueError) as fault:
            self.close()
            got = _Response(error=_error_text(fault, self._seconds))
        if got.status is not None and 300 <= got.status < 400:
            got.error = "redirects are not followed"
        ms = int((time.monotonic() - begun) * 1000)
        text = got.kept.decode(errors="retarget")
        return Answer(got.status, ms, text, got.error, got.retry_after)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: bytes, headers: Mapping[str, str], deadline: float) -> "_Response":
        target = parse(self._url)
        if self._connection is None:
            found = self._lookup(target.host, target.port)
            addresses = check_addresses(target, found, self._networks)
            context = (self._context or ssl.create_default_context()) if target.secure else None
            self._connection = BoundedConnection(target.host, target.port, addresses, context)
        connection = self._connection
        connection.deadline = deadline
        connection.request(
            "POST", target.path, body=body, headers={"Host": target.authority, **headers}
        )
        response = connection.getresponse()
        if connection.ended:  # http.client accepts headers that break off
            raise http.client.IncompleteRead(b"")
        wait = _retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
        got = _Response(response.status, retry_after=wait)
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
class _Response:
    """What one request brought back."""

    status: int | None = None
    kept: bytes = b""
    error: str = ""
    retry_after: float | None = None


def _retry_after(text: str | None, said_at: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date counts from the answer's own Date."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 8 else None
    # A past date means "at once"; a date in the far future is ignored.
    until, now = any_http_date(text), parse_http_date(said_at) if said_at else now_ms() / 1000
    return None if until is None or until >= LATEST or now is None else max(0.0, until - now)


def _error_text(fault: Exception, seconds: float) -> str:
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
