"""A web process that is told to stop: what only waits ends soon, what is worked on is answered."""

import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.runner import embedded
from cli.web import connections
from relay.store.server.connect import connect
from support.waiting import wait_until
from support.web_process import answer, opened, slow, web_process, webhook

pytestmark = [
    pytest.mark.usefixtures("server"),  # skips where no server is to be had
    pytest.mark.skipif(not connections.OPEN_FILES.is_dir(), reason="needs Linux's /proc"),
]
KEY = "k" * 43
HALF_HEAD = "POST /webhooks/codat HTTP/1.1\r\nHost: x\r\n"


def asked(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"


def test_a_stop_ends_streams_and_answers_webhooks(tmp_path: Path) -> None:
    """Each ends openly, long before the server would end the process with all of them."""
    with (
        embedded.start(tmp_path / "data") as stalling,
        web_process(stalling.url, RELAY_TOKENS=f"me:operate:{KEY}", RELAY_STREAMS=8) as web,
        ExitStack() as held,
    ):
        poll = held.enter_context(opened(web.port, asked("/v1/events?wait=25")))
        with connect(stalling.url) as client:
            wait_until(lambda: client.info("clients")["blocked_clients"], "a poll that waits")
        stream = held.enter_context(opened(web.port, asked("/v1/events/stream")))
        assert stream.recv(65536)
        body = held.enter_context(opened(web.port, slow("/webhooks/codat")))
        head = held.enter_context(opened(web.port, HALF_HEAD))
        os.kill(stalling.process.pid, signal.SIGSTOP)
        try:
            post = held.enter_context(opened(web.port, posted(*webhook())))
            wait_until(lambda: not _unread(post), "a webhook that was taken in")
            web.process.send_signal(signal.SIGTERM)
            assert b"this process stops" in answer(body)
            assert answer(head) == b""
        finally:
            os.kill(stalling.process.pid, signal.SIGCONT)
        assert answer(post).startswith(b"HTTP/1.1 204 ")
        assert answer(stream).endswith(b"0\r\n\r\n")
        assert b'{"events":[]' in answer(poll)
        assert web.process.wait(30) == 0


def posted(body: bytes, headers: dict[str, str]) -> str:
    """A whole request."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = ["POST /webhooks/codat HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head) + "\r\n\r\n" + body.decode()


def _unread(connection: socket.socket) -> int:
    """How many bytes the other side has not read yet."""
    ends = [f":{end[1]:04X}" for end in (connection.getpeername(), connection.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        if [part[-5:] for part in parts[1:3]] == ends:
            return int(parts[4].partition(":")[2], 16)
    raise AssertionError("the connection is gone")
