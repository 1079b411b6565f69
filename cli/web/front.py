"""Take each request in whole, within a deadline, before a thread works on it.

The web server hands over a request once its head is there. Its body is read here, by one event loop
and no thread. It must be whole within a deadline, and of those that are slow only so many are
waited for, of one address and of all: the oldest end first. A sender who is quick is never refused
for others who are slow. Webhooks have bodies and threads counted apart; nothing else takes those.

An answer that is given before its body was read ends the connection and says so. Otherwise a proxy
would send the next request, which is somebody else's, on a connection that is broken.
"""

import asyncio
import sys
import threading
from asyncio import Future
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import TimeoutError as NotTaken
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

import orjson
import structlog

from cli.web.senders import sender_of
from portal.http.auth import is_guarded
from portal.http.problems import MEDIA_TYPE, details_of
from relay.delivery.addresses import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
T = TypeVar("T")

RETRY_AFTER = b"5"  # seconds
STALLED = 60.0  # seconds in which a stream's reader takes nothing, after which it is given up
QUICK = 2.0  # seconds in which a body may come however many there are
LOOK = 0.25  # seconds between two looks at the bodies that are waited for
SPARE_STREAMS = 4  # threads more than streams: a place may be given on before its thread is free
NO_BODY = frozenset({204, 304})
VERSIONS = {"1": "HTTP/1.0", "1.0": "HTTP/1.0", "1.1": "HTTP/1.1"}
KIND_OF = {400: "malformed", 408: "too-slow", 413: "too-large", 503: "busy"}  # by status
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """What one sort of requests may take up.

    `threads` work on them at once and `queue` more wait for one; a body has `largest` bytes, and
    `bodies` of all or `bodies_of_one` of one address are waited for at once. One that breaks off,
    or whose chunks cannot be read, is answered with the status `cut_off`.
    """

    name: str
    threads: int
    largest: int
    queue: int = 512
    bodies: int = 256
    bodies_of_one: int = 64
    cut_off: int = 400


class Refused(Exception):
    """The request is answered here, and its connection ends."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Answered:
    """What an app made of a request: `content`, or `pieces` that are still to come."""

    status: int
    headers: Headers
    content: bytes = b""
    pieces: Iterable[bytes] | None = None


@dataclass(eq=False, slots=True)
class Body:
    """A body that is waited for, by whom and since when (the loop's time).

    `ended` is the status and the reason with which it is refused. It is no exception: one that is
    raised and kept here would hold its request, and so the connection, until the next collection.
    """

    sender: str
    since: float
    task: "asyncio.Task[Any]"
    ended: tuple[int, str] | None = None

    def end(self, status: int, reason: str) -> None:
        """Wait for it no more."""
        self.ended = status, reason
        self.task.cancel()


class Waiting:
    """The bodies that are waited for, and which of them to end."""

    def __init__(self, lane: Lane, seconds: float) -> None:
        self._lane = lane
        self._seconds = seconds
        self._bodies: dict[Body, None] = {}  # the oldest first

    def enter(self, body: Body) -> None:
        """Count one more."""
        self._bodies[body] = None

    def leave(self, body: Body) -> None:
        """Count one less, unless it was ended before."""
        self._bodies.pop(body, None)

    def tidy(self, now: float) -> None:
        """End those whose time is up, and of slow ones that are too many the oldest."""
        slow: defaultdict[str, deque[Body]] = defaultdict(deque)
        for body in list(self._bodies):
            waited = now - body.since
            if waited >= self._seconds:
                self._end(body)
            elif waited >= QUICK:
                slow[body.sender].append(body)
        for bodies in slow.values():
            while len(bodies) > self._lane.bodies_of_one:
                self._end(bodies.popleft())
        too_many = sum(map(len, slow.values())) - self._lane.bodies
        for _ in range(too_many):
            self._end(max(slow.values(), key=len).popleft())

    def end(self, status: int, reason: str) -> None:
        """End all of them."""
        for body in list(self._bodies):
            self._end(body, status, reason)

    def _end(
        self, body: Body, status: int = 408, reason: str = "the body did not come in time"
    ) -> None:
        del self._bodies[body]
        body.end(status, reason)

    def count(self) -> int:
        """Tell how many there are."""
        return len(self._bodies)


class Crew:
    """The threads of one lane, and the bodies it waits for."""

    def __init__(self, lane: Lane, seconds: float) -> None:
        self.lane = lane
        self._waiting = Waiting(lane, seconds)
        self._is_looked_after = False
        self._threads = Threads(lane.name, lane.threads)
        self._taken = 0

    async def read(self, receive: Receive, sender: str) -> bytes:
        """Give a body once it is whole; raises Refused."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        body = Body(sender, loop.time(), task)
        self._waiting.enter(body)
        if not self._is_looked_after:
            self._is_looked_after = True
            loop.call_later(LOOK, self._look_after)
        try:
            return await _read(receive, self.lane)
        except asyncio.CancelledError:
            if body.ended is None:
                raise
            task.uncancel()
            log.info("request.too_slow", sender=sender, route=self.lane.name)
            raise Refused(*body.ended) from None
        finally:
            self._waiting.leave(body)

    def end_bodies(self) -> None:
        """Wait for no body any more, as the process stops."""
        self._waiting.end(503, "this process stops; try again")

    async def work(self, call: Callable[[], Answered]) -> Answered:
        """Have a thread do it; raises Refused when too much waits for one already."""
        if self._taken >= self.lane.threads + self.lane.queue:
            raise Refused(503, "too many requests wait already; try again")
        self._taken += 1
        try:
            return await self._threads.run(call)
        finally:
            self._taken -= 1

    def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting.tidy(loop.time())
        self._is_looked_after = self._waiting.count() > 0
        if self._is_looked_after:
            loop.call_later(LOOK, self._look_after)


class Threads:
    """Threads that work for one event loop, made as they are needed.

    Leaner than the standard library's pool, as every webhook passes here: calls that end together
    wake the loop once. They are daemons, so one that hangs does not keep the process from ending.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._made = 0
        self._under_way = 0
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._ended: list[tuple[Future[Any], Any, BaseException | None]] = []
        self._lock = threading.Lock()

    def run(self, call: "Callable[[], T]") -> "Future[T]":
        """Have the next free thread call it; the event loop alone may say so."""
        future: Future[T] = asyncio.get_running_loop().create_future()
        self._under_way += 1
        if self._under_way > self._made and self._made < self._most:
            self._make()
        self._calls.put((future, call))
        return future

    def _make(self) -> None:
        """Make one more thread; raises RuntimeError if there is none that could do its work."""
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no more: those there are do it
            if not self._made:
                self._under_way -= 1
                raise
            log.warning("web.no_more_threads", threads=self._made)
        else:
            self._made += 1

    def _work(self) -> None:
        while True:
            future, call = self._calls.get()
            result, fault = None, None
            try:
                result = call()
            except BaseException as error:
                fault = error
            with self._lock:
                self._ended.append((future, result, fault))
                is_first = len(self._ended) == 1
            loop = future.get_loop()
            # A fault holds the request that it came of, whose connection may have to end.
            del future, call, result, fault
            if is_first:
                with suppress(RuntimeError):  # the loop has been closed
                    loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        self._under_way -= len(ended)
        for future, result, fault in ended:
            if future.done():  # nobody waits for it any more
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)


class Front:
    """An ASGI app over a WSGI app. Requests that `is_webhook` says are such have their own lane."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        webhooks: Lane,
        others: Lane,
        is_webhook: Callable[[str], bool],
        streams: int,
        seconds: float,
        proxies: Iterable[Network] = (),
        public_url: str = "",
    ) -> None:
        self._app = app
        self._webhooks = Crew(webhooks, seconds)
        self._others = Crew(others, seconds)
        self._is_webhook = is_webhook
        self._streams = Threads("stream", streams + SPARE_STREAMS)
        self._proxies = tuple(proxies)
        self._public_url = public_url
        self._asking: set[tuple[str, int]] = set()
        self._following: set[tuple[str, int]] = set()

    def is_asking(self, peer: tuple[str, int]) -> bool:
        """Whether a request of this peer's is under way, by its host and port."""
        return peer in self._asking

    def is_worked_on(self, peer: tuple[str, int]) -> bool:
        """Whether a request of this peer's is under way, other than a stream."""
        return peer in self._asking and peer not in self._following

    def end_bodies(self) -> None:
        """Wait for no body any more, as the process stops; in the event loop."""
        self._webhooks.end_bodies()
        self._others.end_bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        peer = (scope["client"][0], int(scope["client"][1]))
        self._asking.add(peer)
        try:
            answered = await self._answer(scope, receive)
            await send(_start(answered))
            if answered.pieces is None:
                await send({"type": "http.response.body", "body": answered.content})
            else:
                self._following.add(peer)
                await self._follow(answered.pieces, receive, send)
        finally:
            self._asking.discard(peer)
            self._following.discard(peer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answered:
        environ = environ_of(scope)
        crew = self._webhooks if self._is_webhook(environ["PATH_INFO"]) else self._others
        try:
            body = await self._body(crew, scope, environ, receive)
            environ["wsgi.input"] = BytesIO(body)
            if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:  # it is whole by now
                environ["CONTENT_LENGTH"] = str(len(body))
            return await crew.work(partial(respond, self._app, environ))
        except Refused as refusal:
            return self._refusal(refusal, environ["PATH_INFO"])
        except Exception:
            # The older service takes a 500 for final (Codat: using-the-api/webhooks/legacy).
            log.exception("web.failed")
            return self._refusal(Refused(503, "try again later"), environ["PATH_INFO"])

    def _refusal(self, refusal: Refused, path: str) -> Answered:
        """Answer what is refused here; under /v1 by problem details, as the app does there."""
        kind, content = b"text/plain; charset=utf-8", refusal.reason.encode()
        if is_guarded(path):
            problem = details_of(KIND_OF[refusal.status], refusal.reason, self._public_url)
            kind, content = MEDIA_TYPE.encode(), orjson.dumps(problem)
        headers = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
        ]
        if refusal.status == 503:
            headers.append((b"retry-after", RETRY_AFTER))
        return Answered(refusal.status, headers, content)

    async def _body(
        self, crew: Crew, scope: Scope, environ: dict[str, Any], receive: Receive
    ) -> bytes:
        """Give the whole body; raises Refused."""
        length = environ.get("CONTENT_LENGTH")
        if "HTTP_TRANSFER_ENCODING" not in environ:
            if length is None or length == "0":
                return b""
            if not length.isdecimal() or len(length) > 18 or int(length) > crew.lane.largest:
                raise _too_large(crew.lane)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        return await crew.read(receive, sender_of(scope["client"][0], forwarded, self._proxies))

    async def _follow(self, pieces: Iterable[bytes], receive: Receive, send: Send) -> None:
        """Send pieces as they come, in a thread of the streams, until they or the reader end."""
        loop = asyncio.get_running_loop()
        gone = threading.Event()

        def put(piece: bytes) -> None:
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result(STALLED)

        watching = asyncio.create_task(_watch(receive, gone))
        try:
            await self._streams.run(partial(stream, pieces, put, gone))
        finally:
            watching.cancel()
            await send({"type": "http.response.body", "body": b""})


def environ_of(scope: Scope) -> dict[str, Any]:
    """Give a request's head as PEP 3333 has it; `wsgi.input` is still to be set.

    Names with an underscore are left out: they could pass for those with a hyphen.
    """
    server, client, version = scope["server"], scope["client"], scope["http_version"]
    path = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": VERSIONS.get(version, f"HTTP/{version}"),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for raw_name, raw_value in scope["headers"]:
        name = _variable(raw_name)
        if name is not None:
            value = raw_value.decode("latin-1")
            if name in environ:
                value = environ[name] + (";" if name == "HTTP_COOKIE" else ",") + value
            environ[name] = value
    if not environ.get("HTTP_HOST", True):  # none was sent, and the server made up an empty one
        del environ["HTTP_HOST"]
    return environ


def respond(app: "WSGIApplication", environ: dict[str, Any]) -> Answered:
    """Have a WSGI app answer one request; in a thread."""
    heard: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        heard[:] = [(status, headers)]

    pieces = app(environ, start_response)
    is_stream = False
    try:
        [(line, given)] = heard
        headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in given]
        answered = Answered(int(line[:3]), headers)
        if environ["REQUEST_METHOD"] == "HEAD" or answered.status in NO_BODY:
            return answered
        if any(name == b"content-length" for name, _ in headers):
            answered.content = b"".join(pieces)
            return answered
        is_stream = True
    finally:
        if not is_stream:
            _close(pieces)
    answered.pieces = pieces
    return answered


def stream(pieces: Iterable[bytes], put: Callable[[bytes], None], gone: threading.Event) -> None:
    """Hand pieces on as they come until they end, the reader is gone or takes nothing; closes."""
    try:
        for piece in pieces:
            if gone.is_set():
                break
            if piece:
                put(piece)
    except NotTaken:
        pass
    except Exception:
        log.exception("web.stream_failed")
    finally:
        _close(pieces)


@lru_cache(maxsize=512)
def _variable(name: bytes) -> str | None:
    if b"_" in name:
        return None
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"


async def _read(receive: Receive, lane: Lane) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(lane.cut_off, "the body ended early, or its chunks cannot be read")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > lane.largest:
            raise _too_large(lane)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _watch(receive: Receive, gone: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _sent(send: Send, message: Message) -> None:
    await send(message)


def _start(answered: Answered) -> Message:
    return {
        "type": "http.response.start",
        "status": answered.status,
        "headers": answered.headers,
    }


def _too_large(lane: Lane) -> Refused:
    return Refused(413, f"the body may have {lane.largest} bytes at most")


def _close(pieces: Iterable[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
