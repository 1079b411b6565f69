"""An HTTP connection for one delivery: it goes to checked addresses, and ends by a deadline."""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any


class BoundedConnection(http.client.HTTPConnection):
    """A connection to checked addresses whose every step ends by `deadline` (monotonic seconds).

    TLS verifies the host name, although the connection goes to an address.
    """

    def __init__(
        self, host: str, port: int, addresses: Sequence[str], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port)
        self.deadline = 0.0
        self.ended = False  # the other side has closed the connection
        self._addresses = addresses
        self._tls = context

    def connect(self) -> None:
        """Connect within the deadline, to the first of the addresses that answers."""
        raw = self._first_that_answers()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected: socket.socket = raw
        if self._tls is not None:
            # A handshake that arrives byte by byte would never hit the timeout of a single read.
            end = threading.Timer(max(0.001, self.deadline - time.monotonic()), _shut_down, (raw,))
            end.daemon = True
            end.start()
            try:
                connected = self._tls.wrap_socket(raw, server_hostname=self.host)
            except BaseException:
                raw.close()
                raise
            finally:
                end.cancel()
        self.sock: Any = _BoundedSocket(connected, self)

    def _first_that_answers(self) -> socket.socket:
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            # Share the time that is left, so that one silent address leaves some for the rest.
            seconds = max(0.001, (self.deadline - time.monotonic()) / left)
            try:
                return socket.create_connection((address, self.port), timeout=seconds)
            except OSError:
                if left == 1:
                    raise
        raise OSError("no address")


class _BoundedSocket:
    """A socket whose every read and write ends by its connection's deadline."""

    def __init__(self, inner: socket.socket, connection: BoundedConnection) -> None:
        self._inner = inner
        self._connection = connection
        self._readers = 0
        self._closing = False

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._set_timeout()
        self._inner.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return a reader of the answer."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def read(self, buffer: Any) -> int:
        """Read into the buffer; return how many bytes."""
        self._set_timeout()
        count = self._inner.recv_into(buffer)
        self._connection.ended = count == 0
        return count

    def close(self) -> None:
        """Close the socket with its last reader: http.client closes it before it reads the body."""
        self._closing = True
        if not self._readers:
            self._inner.close()

    def released(self) -> None:
        """Count a closed reader."""
        self._readers -= 1
        if self._closing:
            self.close()

    def _set_timeout(self) -> None:
        left = self._connection.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket) -> None:
        self._bounded = bounded

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._bounded.released()

    def readinto(self, buffer: Any) -> int:
        return self._bounded.read(buffer)


def _shut_down(raw: socket.socket) -> None:
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
