"""Subscribers of every kind, good and bad, each a server of its own on 127.0.0.1."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from codat import signature

LOOPBACK = (ip_network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Behave = Callable[[socket.socket, bytes], bool]


@dataclass
class Subscriber:
    """Takes deliveries as `behave` says; keeps their headers and bodies."""

    port: int = 0
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    def events(self, secret: str | None = None) -> list[dict[str, Any]]:
        """All events taken, in order; with `secret` each delivery's signature is checked."""
        found = []
        for headers, body in self.taken:
            if secret:
                signature.verify([secret], headers, body)
            shown = json.loads(body)
            found += shown if isinstance(shown, list) else [shown]
        return found

    def ids(self, secret: str | None = None) -> list[int]:
        return [int(event["id"]) for event in self.events(secret)]

    def wait(self, enough: Callable[[], bool], seconds: float = 30.0) -> None:
        with self.changed:
            assert self.changed.wait_for(enough, seconds), f"{len(self.taken)} deliveries came"


def read_request(
    connection: socket.socket, rest: bytes = b""
) -> tuple[dict[str, str], bytes, bytes] | None:
    """Give headers, body and what follows of one request; None when the other side closed."""
    raw = rest
    while b"\r\n\r\n" not in raw:
        if not (more := connection.recv(65536)):
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = int(headers["content-length"])
    while len(body) < length:
        body += connection.recv(65536)
    return headers, body[:length], body[length:]


def good(connection: socket.socket, body: bytes) -> bool:
    connection.sendall(OK)
    return True


def answers(raw: bytes) -> Behave:
    """Answer with these bytes, then close."""

    def behave(connection: socket.socket, body: bytes) -> bool:
        connection.sendall(raw)
        return False

    return behave


def answer(status: int, *headers: str) -> Behave:
    lines = [f"HTTP/1.1 {status} X", "Content-Length: 0", *headers, "", ""]
    return answers("\r\n".join(lines).encode())


def in_turn(*behaviours: Behave) -> Behave:
    """Behave so at each delivery in turn; the last one stays."""
    left = list(behaviours)

    def behave(connection: socket.socket, body: bytes) -> bool:
        return (left.pop(0) if len(left) > 1 else left[0])(connection, body)

    return behave


def hangs(connection: socket.socket, body: bytes) -> bool:
    connection.recv(1)  # until the other side gives up
    return False


def drips(connection: socket.socket, body: bytes) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: 1\r\n")
        threading.Event().wait(0.05)


def pours(connection: socket.socket, body: bytes) -> bool:
    """Answer with a gigabyte."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(1024):
        connection.sendall(b"x" * 1048576)
    return False


@contextmanager
def subscriber(behave: Behave = good, pem: str | None = None) -> Iterator[Subscriber]:
    """Run one for the time of a test; with `pem` it speaks TLS."""
    listening = socket.create_server(("127.0.0.1", 0))
    one = Subscriber(listening.getsockname()[1])
    context = None
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            rest = b""
            with connection:
                while request := read_request(connection, rest):
                    headers, body, rest = request
                    with one.changed:
                        one.taken.append((headers, body))
                        one.changed.notify_all()
                    if not behave(connection, body):
                        return

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                one.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield one
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
