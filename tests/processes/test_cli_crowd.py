"""Many who are slow, idle or wrong, in front of a web process as it is run: webhooks pass."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.runner import embedded
from cli.web.connections import MAX_CONNECTIONS, TIDY_ABOVE
from relay.store.server.connect import connect
from support.waiting import wait_until
from support.web_process import (
    Web,
    answer,
    many_files,
    opened,
    post_webhook,
    slow,
    web_process,
)

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had
FORM = "Content-Type: application/x-www-form-urlencoded"
CROWD = 150  # more than all threads of a web process with its default settings
READERS = 400


@pytest.fixture(scope="module")
def web(server: embedded.EmbeddedServer) -> Iterator[Web]:
    many_files()
    with web_process(server.url, RELAY_REQUEST_SECONDS=3) as running:
        yield running


SLOW = (
    slow("/webhooks/codat"),
    slow("/webhooks/codat", "Content-Type: application/json", "Expect: 100-continue"),
    slow("/webhooks/codat", "Transfer-Encoding: chunked"),
    slow("/webhooks/nowhere"),
    slow("/pc", FORM),
    slow("/pc", "Content-Type: multipart/form-data; boundary=x"),
    slow("/ops/", FORM),
    slow("/link/nobody/consent", FORM),
    slow("/v1/companies", "Content-Type: application/json"),
    slow("/nowhere"),
    slow("/docs"),
)


def test_slow_bodies_do_not_keep_webhooks_out(web: Web) -> None:
    with ExitStack() as open_ones:
        crowd = [
            (text, open_ones.enter_context(opened(web.port, text)))
            for text in SLOW * (CROWD // len(SLOW) + 1)
        ]
        assert [post_webhook(web.port) for _ in range(20)] == [204] * 20
        for text, one in crowd:
            told = answer(one).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert told[9:12] in (b"408", b""), text  # nothing, where it crossed what was sent


def test_heads_that_do_not_come_end_by_the_deadline(web: Web) -> None:
    heads = ("", "POST /webhooks/codat HTTP/1.1\r\nHost: x\r\n")
    with ExitStack() as open_ones:
        crowd = [open_ones.enter_context(opened(web.port, head)) for head in heads * 20]
        for one in crowd:
            told = answer(one)
            assert told == b"" or b" 408 " in told


def test_idle_connections_do_not_keep_webhooks_out(server) -> None:
    """Over a thousand are too few to matter; past what a process has room for the oldest go."""
    many_files()
    with (
        web_process(server.url, RELAY_REQUEST_SECONDS=300) as web,
        ExitStack() as open_ones,
    ):
        for count in (1100, MAX_CONNECTIONS - 1000):
            for _ in range(count):
                open_ones.enter_context(opened(web.port))
            assert [post_webhook(web.port) for _ in range(5)] == [204] * 5
        wait_until(lambda: _connections(web) < MAX_CONNECTIONS * TIDY_ABOVE, "fewer connections")
        assert post_webhook(web.port) == 204


def _connections(web: Web) -> int:
    """How many connections to its port the process has."""
    mine = f":{web.port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(mine) and line.split()[3] == "01" for line in lines)


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
def test_a_client_that_reads_no_answers_does_not_block_webhooks(web: Web, path: str) -> None:
    """Made anew for each of them, one would take a fifth of a second of the whole process."""
    asked = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as open_ones:
        for _ in range(READERS):
            open_ones.enter_context(opened(web.port, asked * 3))
        assert [post_webhook(web.port) for _ in range(20)] == [204] * 20


def test_a_pool_has_a_connection_for_every_thread(server) -> None:
    with connect(server.url) as client:
        pool = client.connection_pool
        held = [pool.get_connection() for _ in range(300)]
        for connection in held:
            pool.release(connection)


def test_a_server_that_stalls_is_waited_for_by_every_thread(tmp_path: Path) -> None:
    many = 130  # more than a hundred, which is what redis-py's pool would hold
    with (
        embedded.start(tmp_path / "data") as stalling,
        web_process(stalling.url, WEB_THREADS=many) as web,
    ):
        statuses: Counter[int] = Counter()
        posts = [
            threading.Thread(target=lambda: statuses.update([post_webhook(web.port)]))
            for _ in range(many)
        ]
        os.kill(stalling.process.pid, signal.SIGSTOP)
        try:
            for one in posts:
                one.start()
            wait_until(
                lambda: statuses or _sockets(web.process.pid) >= 2 * many,
                "a connection of each thread to the store",
            )
        finally:
            os.kill(stalling.process.pid, signal.SIGCONT)
        for one in posts:
            one.join()
        assert statuses == {204: many}


def _sockets(pid: int) -> int:
    """How many sockets a process and its children have."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _sockets(int(child))
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(descriptor.readlink()).startswith("socket:")
        except OSError:
            continue
    return found
