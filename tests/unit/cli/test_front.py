"""What takes requests in: bodies within a deadline and a limit, threads by sort, streams."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.web import bodies as reading
from cli.web import front as fronting
from cli.web.bodies import Body, PendingBodies, Refused, RequestLimits
from cli.web.front import Front
from cli.web.senders import sender_of
from cli.web.wsgi import environ_of
from portal.http.problems import Problem

WEBHOOK, OTHER = "/webhooks/codat", "/v1/companies"
PATIENCE = 30.0  # seconds; only a failing test waits so long


def scope(path: str = WEBHOOK, sender: str = "192.0.2.1", **headers: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": headers.pop("method", "POST"),
        "scheme": "http",
        "raw_path": path.encode("latin-1"),
        "query_string": b"a=%20",
        "server": ("127.0.0.1", "8000"),
        "client": (sender, "50000"),
        "headers": [
            (name.replace("_", "-").encode(), str(value).encode("latin-1"))
            for name, value in headers.items()
        ],
    }


class Client:
    """One request, as a server hands it over: messages to be received, and what was sent."""

    def __init__(self, *pieces: bytes, more: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answered = asyncio.Event()
        self.closed = asyncio.Event()
        last = len(pieces) - 1
        self._messages = [
            {"type": "http.request", "body": piece, "more_body": more or number < last}
            for number, piece in enumerate(pieces)
        ]

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop(0)
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.answered.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def content(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


def make(app: Any = echo, seconds: float = 60.0, **limits: Any) -> Front:
    most = {"threads": 2, "max_body": 1000} | limits
    return Front(
        app,
        webhooks=RequestLimits("webhook", **most),
        others=RequestLimits("request", **most),
        is_webhook=lambda path: path.startswith("/webhooks/"),
        streams=2,
        seconds=seconds,
        public_url="https://relay.example",
    )


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run it in a thread of its own: the tests' browser keeps a loop in the main one."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await test()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, bounded()).result()


async def ask(front: Front, client: Client, **what: Any) -> Client:
    await front(scope(**what), client.receive, client.send)
    return client


async def until(met: Callable[[], Any]) -> None:
    while not met():
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("pieces", [(b"",), (b"whole",), (b"in ", b"", b"pieces")])
def test_an_app_gets_a_body_whole(pieces: tuple[bytes, ...]) -> None:
    async def test() -> None:
        client = await ask(make(), Client(*pieces), transfer_encoding="chunked")
        assert (client.status, client.content) == (200, b"".join(pieces))
        assert b"connection" not in client.headers

    run(test)


def test_a_body_in_chunks_has_a_length_once_it_is_whole() -> None:
    seen: list[dict[str, Any]] = []

    def look(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(environ)
        return echo(environ, start_response)

    async def test() -> None:
        for said in ({}, {"content_length": 99}):
            await ask(make(look), Client(b"12", b"345"), transfer_encoding="chunked", **said)
            assert seen[-1]["CONTENT_LENGTH"] == "5"
            assert "HTTP_TRANSFER_ENCODING" not in seen[-1]

    run(test)


def test_a_cut_off_body_is_400_but_503_for_a_webhook() -> None:
    async def test() -> None:
        for path, status, kind in ((OTHER, 400, b"#malformed"), (WEBHOOK, 503, b"ended early")):
            front, client = make(cut_off=status), Client(b"x", more=True)
            client.closed.set()
            await ask(front, client, path=path, transfer_encoding="chunked")
            assert (client.status, client.headers[b"connection"]) == (status, b"close")
            assert kind in client.content

    run(test)


def test_a_request_without_a_body_is_not_waited_for() -> None:
    async def test() -> None:
        for headers in ({}, {"content_length": 0}):
            assert (await ask(make(), Client(), **headers)).status == 200

    run(test)


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ((), {"content_length": 1001}),
        ((), {"content_length": "9" * 30}),
        ((b"x" * 600, b"x" * 600), {"transfer_encoding": "chunked"}),
        ((b"x" * 1001,), {"content_length": 5}),  # more than was said
    ],
)
def test_a_body_over_the_limit_ends_the_connection_openly(
    pieces: tuple[bytes, ...], headers: dict[str, Any]
) -> None:
    async def test() -> None:
        client = await ask(make(), Client(*pieces, more=True), **headers)
        assert (client.status, client.headers[b"connection"]) == (413, b"close")

    run(test)


@pytest.mark.parametrize("path", [WEBHOOK, OTHER, "/pc", "/ops/", "/nowhere"])
def test_a_late_body_ends_at_the_deadline_and_holds_no_thread(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.01)

    async def test() -> None:
        front = make(seconds=0.05)
        clients = [Client(b"x", more=True) for _ in range(20)]
        await asyncio.gather(*(ask(front, one, path=path, content_length=9) for one in clients))
        assert {one.status for one in clients} == {408}
        assert {one.headers[b"connection"] for one in clients} == {b"close"}
        quick = await ask(front, Client(b"quick"), path=path, content_length=5)
        assert quick.status == 200
        assert front._others._waiting.count() == front._webhooks._waiting.count() == 0

    run(test)


def test_a_quick_body_is_taken_however_many_slow_ones_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.01)

    async def test() -> None:
        front = make(bodies=10, bodies_of_one=3)
        other = Client(b"x", more=True)
        tasks = [asyncio.create_task(ask(front, other, sender="198.51.100.1", content_length=9))]
        slow = [Client(b"x", more=True) for _ in range(8)]
        tasks += [asyncio.create_task(ask(front, one, content_length=9)) for one in slow]
        for one in slow[:5]:  # the oldest
            await one.answered.wait()
            assert (one.status, one.headers[b"connection"]) == (408, b"close")
        assert (await ask(front, Client(b"quick"), content_length=5)).status == 200
        assert not other.sent
        assert not any(one.sent for one in slow[5:])
        for task in tasks:
            task.cancel()

    run(test)


@pytest.mark.parametrize("path", ["/v1", "/v1/syncs", "/v1/nowhere"])
def test_a_refusal_before_the_api_is_a_problem_too(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.01)

    async def test() -> None:
        large = await ask(make(), Client(), path=path, content_length=1001)
        slow = await ask(make(seconds=0.05), Client(more=True), path=path, content_length=9)
        busy = await ask(make(threads=0, queue=0), Client(), path=path)
        kinds = [(413, "too-large"), (408, "too-slow"), (503, "busy")]
        for one, (status, kind) in zip((large, slow, busy), kinds, strict=True):
            assert one.headers[b"content-type"] == b"application/problem+json"
            problem = Problem.model_validate_json(one.content)
            assert (problem.status, one.status) == (status, status)
            assert problem.type == f"https://relay.example/problems#{kind}"
        webhook = await ask(make(), Client(), path=WEBHOOK, content_length=1001)
        assert webhook.headers[b"content-type"].startswith(b"text/plain")

    run(test)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=60),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_of_slow_bodies_no_more_are_waited_for_than_may_be(
    comings: list[tuple[str, int]], most: int, most_of_one: int
) -> None:
    class Task:
        def cancel(self) -> None: ...

    now, seconds = 100.0, 15.0
    limits = RequestLimits("webhook", 1, 1, bodies=most, bodies_of_one=most_of_one)
    waiting = PendingBodies(limits, seconds)
    bodies = [Body(sender, now - age, Task()) for sender, age in comings]  # type: ignore[arg-type]
    bodies.sort(key=lambda body: body.since)
    for body in bodies:
        waiting.add(body)
    waiting.tidy(now)
    there = [body for body in bodies if not body.ended]
    slow = [body for body in there if now - body.since >= reading.GRACE_SECONDS]
    assert waiting.count() == len(there)
    assert len(slow) <= most
    for sender in "abc":
        mine = [body for body in bodies if body.sender == sender]
        kept = [body for body in mine if not body.ended]
        assert kept == mine[len(mine) - len(kept) :]  # the oldest went
        assert sum(now - body.since >= reading.GRACE_SECONDS for body in kept) <= most_of_one
    for body in bodies:
        if now - body.since < reading.GRACE_SECONDS:
            assert not body.ended
        if now - body.since >= seconds:
            assert body.ended
    waiting.tidy(now + seconds)
    assert waiting.count() == 0


def test_webhooks_have_threads_that_nothing_else_can_take() -> None:
    async def test() -> None:
        held = threading.Event()

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == OTHER:
                held.wait(PATIENCE)
            return echo(environ, start_response)

        front = make(app, queue=3)
        others = [Client() for _ in range(6)]
        tasks = [asyncio.create_task(ask(front, one, path=OTHER)) for one in others]
        assert (await ask(front, Client(b"quick"), content_length=5)).status == 200
        await others[5].answered.wait()  # two threads and three who wait: it is one too many
        assert others[5].status == 503
        assert others[5].headers[b"connection"] == b"close"
        assert int(others[5].headers[b"retry-after"]) > 0
        held.set()
        await asyncio.gather(*tasks)
        assert [one.status for one in others[:5]] == [200] * 5

    run(test)


def test_a_fault_in_the_app_is_answered_later() -> None:
    async def test() -> None:
        client = await ask(make(failing), Client())
        assert client.status == 503
        assert b"surprise" not in client.content

    run(test)


class Pieces:
    """A stream's body, which says when it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Any:
        return iter(self._pieces)

    def close(self) -> None:
        self.closed.set()


def streaming(pieces: Pieces) -> Front:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return pieces

    return make(app)


def test_a_stream_is_sent_as_it_comes_and_closed() -> None:
    async def test() -> None:
        pieces = Pieces([b"one", b"", b"two"])
        client = await ask(streaming(pieces), Client(), method="GET")
        assert client.content == b"onetwo"
        assert [m["body"] for m in client.sent[1:]] == [b"one", b"two", b""]
        assert pieces.closed.is_set()

    run(test)


def endless() -> Iterable[bytes]:
    yield b"first"
    while True:
        yield b""


def test_a_stream_ends_when_its_reader_has_gone() -> None:
    async def test() -> None:
        pieces, client = Pieces(endless()), Client()
        task = asyncio.create_task(ask(streaming(pieces), client, method="GET"))
        await until(lambda: len(client.sent) > 1)
        client.closed.set()
        await task
        assert pieces.closed.is_set()

    run(test)


def test_a_stalled_stream_frees_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronting, "STALL_TIMEOUT", 0.05)

    async def test() -> None:
        pieces, client = Pieces(endless()), Client()

        async def stuck(message: dict[str, Any]) -> None:
            if message.get("more_body"):
                await client.closed.wait()

        await streaming(pieces)(scope(method="GET"), client.receive, stuck)
        assert pieces.closed.is_set()

    run(test)


def test_what_is_not_sent_is_closed_all_the_same() -> None:
    """An answer to HEAD, one whose head cannot be sent, and one without a head."""
    heads = {
        "HEAD": [("Content-Type", "text/event-stream")],
        "GET": [("X-Name", "\N{EURO SIGN}")],
        "POST": None,
    }
    closed = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        pieces = Pieces(endless())
        closed.append(pieces.closed)
        if (head := heads[environ["REQUEST_METHOD"]]) is not None:
            start_response("200 OK", head)
        return pieces

    async def test() -> None:
        for method, status in (("HEAD", 200), ("GET", 503), ("POST", 503)):
            assert (await ask(make(app), Client(), method=method)).status == status

    run(test)
    assert len(closed) == 3
    assert all(one.is_set() for one in closed)


def test_threads_that_the_system_does_not_give_are_made_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "webhook":
            raise RuntimeError("can't start new thread")
        start(thread)

    async def test() -> None:
        front = make()
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            for _ in range(5):  # more than there are threads
                assert (await ask(front, Client())).status == 503
        assert (await ask(front, Client())).status == 200
        assert front._webhooks._threads._under_way == 0
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            both = [ask(front, Client()) for _ in range(2)]
            assert [one.status for one in await asyncio.gather(*both)] == [200, 200]

    run(test)


def failing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise KeyError("surprise")


@pytest.mark.parametrize(
    ("status", "app", "pieces", "headers"),
    [
        (200, echo, (b"whole",), {"content_length": 5}),
        (408, echo, (b"x",), {"content_length": 9}),
        (413, echo, (b"x" * 1001,), {"transfer_encoding": "chunked"}),
        (413, echo, (), {"content_length": 1001}),
        (503, failing, (b"whole",), {"content_length": 5}),
        (503, "stopping", (b"x",), {"content_length": 9}),
        (400, "closed", (b"x",), {"content_length": 9}),
    ],
)
def test_nothing_holds_a_request_that_is_answered(
    status: int, app: Any, pieces: tuple[bytes, ...], headers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The web server ends a connection only once nobody can read its body any more."""
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.01)

    async def test() -> None:
        front = make(failing if app is failing else echo, seconds=0.05 if status == 408 else 60)
        client = Client(*pieces, more=status != 200 and app is not failing)
        held = weakref.ref(client)
        asked = asyncio.create_task(ask(front, client, **headers))
        if app == "stopping":
            await until(front._webhooks._waiting.count)
            front.end_bodies()
        if app == "closed":
            client.closed.set()
        assert (await asked).status == status
        del client, asked
        await until(lambda: held() is None)

    gc.disable()  # a cycle of references would be found at some time or other
    try:
        run(test)
    finally:
        gc.enable()


def test_a_body_under_way_at_a_stop_is_answered_503() -> None:
    async def test() -> None:
        front = make()
        clients = [Client(b"x", more=True) for _ in range(2)]
        asked = [
            asyncio.create_task(ask(front, one, path=path, content_length=9))
            for one, path in zip(clients, (WEBHOOK, OTHER), strict=True)
        ]
        await until(lambda: front._webhooks._waiting.count() and front._others._waiting.count())
        front.end_bodies()
        await asyncio.gather(*asked)
        assert [one.status for one in clients] == [503, 503]
        assert {one.headers[b"connection"] for one in clients} == {b"close"}

    run(test)


def test_a_head_of_the_oldest_clients_has_no_host() -> None:
    asked = scope() | {"http_version": "1", "headers": [(b"host", b"")]}
    environ = environ_of(asked)
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in environ


def test_a_head_becomes_what_wsgi_apps_read() -> None:
    asked = scope("/a%2Fb/%ff/ä", content_type="text/plain", content_length=3, x_one="1")
    asked["headers"] += [(b"x-one", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    asked["headers"] += [(b"webhook_id", b"passed off")]
    environ = environ_of(asked)
    assert environ["PATH_INFO"] == "/a/b/\xff/ä"
    assert environ["QUERY_STRING"] == "a=%20"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "3")
    assert (environ["HTTP_X_ONE"], environ["HTTP_COOKIE"]) == ("1,2", "a=1;b=2")
    assert (environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("192.0.2.1", "8000")
    assert "HTTP_WEBHOOK_ID" not in environ


PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # nobody's word but our proxies'
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, ", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", None, "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
    ],
)
def test_a_sender_is_the_nearest_that_is_no_proxy_of_ours(
    peer: str, forwarded: str | None, sender: str
) -> None:
    assert sender_of(peer, forwarded, PROXIES) == sender


def test_without_proxies_nothing_forwarded_counts() -> None:
    assert sender_of("10.0.0.1", "198.51.100.1", ()) == "10.0.0.1"


def test_a_refusal_says_nothing_of_the_inside() -> None:
    assert str(Refused(413, "too large")) == "too large"
