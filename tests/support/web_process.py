"""A web process as it is run, and raw requests to it."""

import http.client
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from support.parts import SECRET, make_event, signed
from support.paths import ROOT
from support.waiting import wait_until

COMMAND = [sys.executable, "-m", "cli"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Web:
    """A process that listens on `port`."""

    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def web_process(redis_url: str, answers: str = "/readyz", **settings: Any) -> Iterator[Web]:
    """Run `codat-relay web` until this path of it answers 200, and end it afterwards."""
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "CODAT_WEBHOOK_SECRETS": SECRET,
        "RELAY_LOG_LEVEL": "error",
        **{name: str(value) for name, value in settings.items()},
    }
    process = subprocess.Popen([*COMMAND, "web"], env=environ, cwd=ROOT, start_new_session=True)
    try:
        wait_until(lambda: get(port, answers) == 200, "the web process")
        yield Web(port, process)
    finally:
        process.terminate()
        process.wait(30)


def many_files() -> None:
    """Let this process have some thousand connections open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def webhook() -> tuple[bytes, dict[str, str]]:
    body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()
    return body, signed(body)


def post_webhook(port: int) -> int:
    """Post one genuine webhook on a connection of its own; give the status."""
    body, headers = webhook()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/webhooks/codat", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def opened(port: int, text: str = "") -> socket.socket:
    """Open a connection and send so much of a request."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(text.encode())
    return connection


def slow(path: str, *more: str, sent: int = 1) -> str:
    """A head that says a body comes, and so many bytes of it."""
    is_chunked = "Transfer-Encoding: chunked" in more
    lines = [f"POST {path} HTTP/1.1", "Host: relay.example.com", *more]
    lines += [] if is_chunked else ["Content-Length: 50000"]
    return "\r\n".join(lines) + "\r\n\r\n" + ("c350\r\n" if is_chunked else "") + "x" * sent


def answer(connection: socket.socket) -> bytes:
    """Read until the other side ends it."""
    pieces = []
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)
