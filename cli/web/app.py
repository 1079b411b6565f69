"""The web process's one WSGI app: webhooks to the receiver, all else to the portal.

It comes up whether or not Redis does. Until the store can be opened it answers 503, looking again
at most once a second, so nobody has to restart it after an outage.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING

import orjson
import structlog
from flask import Flask
from redis.exceptions import RedisError

from cli import tokens
from cli.data_dir import check_brand, local_settings, refuse_unprovable
from cli.web.bodies import RequestLimits
from cli.web.connections import Connections, raise_limit
from cli.web.front import Front
from portal.app import MAX_BODY_BYTES
from portal.app import create_app as create_portal
from portal.http.problems import MEDIA_TYPE, details_of
from portal.services import NAME
from receiver.app import create_app as create_receiver
from receiver.intake import MAX_BODY_BYTES as LARGEST_WEBHOOK
from receiver.paths import is_for_webhooks
from relay.heartbeat import Heartbeat
from relay.logging import set_up
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.server.checks import WAITAOF_MS, ServerRefused
from relay.store.store import WrongStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# With the one retry, an answer of "later" comes within 5 s even from a server that hangs (Codat
# gives a delivery 15), and no request holds one of the few threads for longer.
ANSWER_TIMEOUT = WAITAOF_MS / 1000 + 0.1  # seconds for each answer
RETRIES = 1
LONG_POLL_TIMEOUT = 35.0  # seconds; longer than any poll waits
LOOK_AGAIN_AFTER = 1.0  # seconds
WAIT_FOR_ANOTHER = 2.0  # seconds
RETRY_AFTER = "5"  # seconds
LAST_MOMENT = 1.0  # seconds in which what is on its way may still come when the process stops
log = structlog.get_logger(__name__)


def app() -> Front:
    """Return the app of one web process; the server calls this in each."""
    settings = local_settings()
    set_up(settings.relay_log_level)
    Heartbeat("web", lambda: Store.open(settings, timeout=ANSWER_TIMEOUT, retries=0)).start()
    late = LateApp(lambda: build(settings), public_url=settings.public_url)
    served = front(settings, late)
    connections = Connections(settings.port, raise_limit(settings.threads), served.is_asking)
    connections.start()
    loop = asyncio.get_event_loop()
    stop = partial(_stop, loop, late, served, connections)
    # Once the loop runs: the server sets its own handler after this.
    loop.call_soon(loop.add_signal_handler, signal.SIGTERM, stop)
    return served


def _stop(
    loop: asyncio.AbstractEventLoop, late: "LateApp", front: Front, connections: Connections
) -> None:
    """Stop soon: the server itself would wait for every stream, poll and body that is under way.

    What waits for events ends at once; what only waits for its sender or reader after a moment.
    What is worked on is answered, within the time that the server gives.
    """
    loop.add_signal_handler(signal.SIGTERM, bool)  # once is enough
    threading.Thread(target=late.end_waits, name="stop", daemon=True).start()
    closing = threading.Thread(
        target=connections.close, args=(front.is_worked_on,), name="close", daemon=True
    )
    loop.call_later(LAST_MOMENT, front.end_bodies)
    loop.call_later(LAST_MOMENT, closing.start)
    signal.raise_signal(signal.SIGINT)  # the server's own way to stop


def front(settings: Settings, app: "WSGIApplication") -> Front:
    """Put what takes requests in before an app that works on them."""
    return Front(
        app,
        # A webhook that broke off must come again.
        webhooks=RequestLimits("webhook", settings.web_threads, LARGEST_WEBHOOK, cut_off=503),
        others=RequestLimits("request", settings.web_threads, MAX_BODY_BYTES),
        is_webhook=is_for_webhooks,
        streams=settings.relay_streams + settings.relay_link_streams,
        seconds=settings.relay_request_seconds,
        proxies=map(ip_network, settings.relay_trusted_proxies),
        public_url=settings.public_url,
    )


def check(settings: Settings) -> None:
    """Raise CannotStart, ServerRefused or WrongStore now for what no waiting will mend."""
    refuse_unprovable(settings)
    for lack in check_brand(settings):
        log.warning("brand.lacking", what=lack)
    try:
        store = Store.open(settings, timeout=ANSWER_TIMEOUT, retries=0)
        warn_without_tokens(settings, store)
        store.client.close()
    except RedisError as error:
        log.warning("store.away", error=str(error)[:200])


def warn_without_tokens(settings: Settings, store: Store) -> None:
    """Log that no token is valid, and how to change that; raises redis.RedisError."""
    if tokens.are_missing(settings, store):
        log.warning("web.nobody_let_in", why=tokens.NOBODY_LET_IN)


def build(settings: Settings) -> "Service":
    """Open the stores and put the two apps behind one door; raises redis.RedisError."""
    store = Store.open(settings, timeout=ANSWER_TIMEOUT, retries=RETRIES)
    warn_without_tokens(settings, store)
    waiting = Store.open(settings, timeout=LONG_POLL_TIMEOUT, retries=RETRIES)
    hints = Hints(store.client)
    receiver = create_receiver(settings, store, hints)
    return Service(receiver, create_portal(settings, store, hints, waiting=waiting))


class Service:
    """The receiver and the portal as one WSGI app."""

    def __init__(self, receiver: Flask, portal: Flask) -> None:
        self._receiver = receiver
        self._portal = portal

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        is_webhook = is_for_webhooks(environ.get("PATH_INFO", ""))
        return (self._receiver if is_webhook else self._portal)(environ, start_response)

    def end_waits(self) -> None:
        """End all streams and long polls, and let no more begin to wait."""
        self._portal.extensions[NAME].tail.end()


class LateApp:
    """A WSGI app that is built as soon as it can be, and says 503 until then."""

    def __init__(
        self,
        build_app: "Callable[[], WSGIApplication]",
        now: Callable[[], float] = time.monotonic,
        *,
        public_url: str = "",
    ) -> None:
        self._build = build_app
        self._public_url = public_url
        self._now = now
        self._app: WSGIApplication | None = None
        self._look_at = now()
        self._looking = threading.Lock()
        self._reason = "the store has not been opened yet"

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        served = self._app or self._look()
        if served is not None:
            return served(environ, start_response)
        if environ.get("PATH_INFO") == "/healthz":
            return _answer(start_response, "200 OK", {"status": "alive"})
        problem = details_of("store-away", self._reason, self._public_url)
        return _answer(start_response, "503 Service Unavailable", problem)

    def end_waits(self) -> None:
        """End what waits for events, if anything can."""
        if isinstance(self._app, Service):
            self._app.end_waits()

    def _look(self) -> "WSGIApplication | None":
        """Try to build, unless one has just failed; requests that come meanwhile wait a little."""
        if not self._looking.acquire(timeout=WAIT_FOR_ANOTHER):
            return None
        try:
            if self._app is None and self._now() >= self._look_at:
                self._app = self._build()
        except RedisError:
            self._wait("Redis does not answer; try again later.")
        except (ServerRefused, WrongStore) as error:
            log.error("store.refused", error=str(error))  # noqa: TRY400 (the trace adds nothing)
            self._wait("The store cannot be used as it is set up; the log says why.")
        except Exception:
            # Whatever it is, the sender of a webhook must hear "later": after a 500 Codat's older
            # service sends no more (Codat: using-the-api/webhooks/legacy).
            log.exception("web.not_built")
            self._wait("The service cannot be set up; the log says why.")
        finally:
            self._looking.release()
        return self._app

    def _wait(self, reason: str) -> None:
        self._reason = reason
        self._look_at = self._now() + LOOK_AGAIN_AFTER


def _answer(
    start_response: "StartResponse", status: str, body: dict[str, object]
) -> Iterable[bytes]:
    content = orjson.dumps(body)
    kind = MEDIA_TYPE if status.startswith("503") else "application/json"
    headers = [("Content-Type", kind), ("Content-Length", str(len(content)))]
    if status.startswith("503"):
        headers.append(("Retry-After", RETRY_AFTER))
    start_response(status, headers)
    return [content]
