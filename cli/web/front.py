"""Take each request in whole, within a deadline, before a thread works on it.

The web server hands over a request once its head is there. Its body is read here, by one event loop
and no thread. It must be whole within a deadline, and of those that are slow only so many are
waited for, of one address and of all: the oldest end first. A sender who is quick is never refused
for others who are slow. Webhooks have bodies and threads counted apart; nothing else takes those.

An answer that is given before its body was read ends the connection and says so. Otherwise a proxy
would send the next request, which is somebody else's, on a connection that is broken.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from cli.web.bodies import Refused, RequestLimits, RequestPool, too_large
from cli.web.senders import sender_of
from cli.web.threads import Threads
from cli.web.wsgi import Answered, environ_of, respond, stream
from portal.http.auth import is_guarded
from portal.http.problems import MEDIA_TYPE, details_of
from relay.delivery.addresses import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_AFTER = b"5"  # seconds
STALL_TIMEOUT = 60.0  # seconds in which a stream's reader takes nothing, after which it is ended
SPARE_STREAMS = 4  # threads more than streams: a place may be given on before its thread is free
KIND_OF = {400: "malformed", 408: "too-slow", 413: "too-large", 503: "busy"}  # by status
log = structlog.get_logger(__name__)


class Front:
    """An ASGI app over a WSGI app. Webhooks (`is_webhook`) have limits and threads of their own."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        webhooks: RequestLimits,
        others: RequestLimits,
        is_webhook: Callable[[str], bool],
        streams: int,
        seconds: float,
        proxies: Iterable[Network] = (),
        public_url: str = "",
    ) -> None:
        self._app = app
        self._webhooks = RequestPool(webhooks, seconds)
        self._others = RequestPool(others, seconds)
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
        pool = self._webhooks if self._is_webhook(environ["PATH_INFO"]) else self._others
        try:
            body = await self._body(pool, scope, environ, receive)
            environ["wsgi.input"] = BytesIO(body)
            if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:  # it is whole by now
                environ["CONTENT_LENGTH"] = str(len(body))
            return await pool.work(partial(respond, self._app, environ))
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
        self, pool: RequestPool, scope: Scope, environ: dict[str, Any], receive: Receive
    ) -> bytes:
        """Return the whole body; raises Refused."""
        length = environ.get("CONTENT_LENGTH")
        if "HTTP_TRANSFER_ENCODING" not in environ:
            if length is None or length == "0":
                return b""
            if not length.isdecimal() or len(length) > 18 or int(length) > pool.limits.max_body:
                raise too_large(pool.limits)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        return await pool.read(receive, sender_of(scope["client"][0], forwarded, self._proxies))

    async def _follow(self, pieces: Iterable[bytes], receive: Receive, send: Send) -> None:
        """Send pieces as they come, in a thread of the streams, until they or the reader end."""
        loop = asyncio.get_running_loop()
        gone = threading.Event()

        def put(piece: bytes) -> None:
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result(STALL_TIMEOUT)

        watching = asyncio.create_task(_watch(receive, gone))
        try:
            await self._streams.run(partial(stream, pieces, put, gone))
        finally:
            watching.cancel()
            await send({"type": "http.response.body", "body": b""})


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
