"""Runs a sandbox: for good in a process of its own, or for a while inside a test."""

import logging
import signal
import threading
import time
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from sandbox.api.app import create_app
from sandbox.api.faults import Faults
from sandbox.api.services import EXTENSION, Services
from sandbox.config import SandboxConfig
from sandbox.journal import Journal
from sandbox.server import persistence
from sandbox.server.wire import Server
from sandbox.webhooks.delivery import WebhookDelivery
from sandbox.world.world import World

POLL_SECONDS = 0.05  # how soon a stop is noticed
SAVE_SECONDS = 1.0  # between two writings of the state file
MAX_SLEEP_SECONDS = 1.0  # seconds between looks at the clock, for the quota's midnight
NOT_SAVED = "the sandbox's state could not be kept"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A running sandbox; `stop` it, or use it as a context."""

    url: str
    services: Services
    server: Server
    stopping: threading.Event
    saving: threading.Lock = field(default_factory=threading.Lock)

    @property
    def world(self) -> World:
        """What it holds."""
        return self.services.world

    @property
    def journal(self) -> Journal:
        """What it was asked and what it sent."""
        return self.services.journal

    @property
    def delivery(self) -> WebhookDelivery:
        """What sends its webhooks."""
        return self.services.delivery

    @property
    def faults(self) -> Faults:
        """The faults set on its API."""
        return self.services.faults

    def deliver_to(self, url: str | None) -> None:
        """Send webhooks there from now on."""
        self.services.delivery.url = url

    def stop(self) -> None:
        """Stop serving, sending and reading; safe to call twice."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        with self.world.changed:
            self.world.changed.notify_all()
        self.server.stop()
        if fault := self.save():
            log.warning("%s (%s)", NOT_SAVED, fault)
        self.delivery.stop()

    def save(self) -> str | None:
        """Write the state file, if there is to be one; return why it cannot be, as on a full disk.

        It stays as it was then.
        """
        if self.services.config.state_file is not None:
            try:
                with self.saving:
                    persistence.save(self.services, self.services.config.state_file)
            except OSError as error:
                return error.strerror or type(error).__name__
        return None

    def __enter__(self) -> Self:
        """Return itself; it serves already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def start(config: SandboxConfig) -> RunningSandbox:
    """Serve in background threads; port 0 takes a free one, which `url` then names.

    Raises `persistence.BadState` when the state file holds something else.
    """
    state = persistence.load(config.state_file)
    config = persistence.same_client(config, state)
    app = create_app(config)
    services: Services = app.extensions[EXTENSION]
    if state is not None:
        persistence.restore(services, state)
    server = Server(config.host, config.port, app, config.server_threads)
    url = f"http://{config.host}:{server.server_address[1]}"
    services.world.serve_at(config.public_url or url)
    running = RunningSandbox(url, services, server, threading.Event())
    services.delivery.start()
    for name, work in (
        ("sandbox-server", lambda: server.serve_forever(POLL_SECONDS)),
        ("sandbox-clock", lambda: _tick(running)),
        ("sandbox-persistence", lambda: _save_changes(running)),
    ):
        threading.Thread(target=work, name=name, daemon=True).start()
    return running


def serve(config: SandboxConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with start(config):
        ended.wait()


def _save_changes(running: RunningSandbox) -> None:
    """Write the state file whenever something has happened, never busy with it for long."""
    if running.services.config.state_file is None:
        return
    noted, took, said = -1, 0.0, None
    while not running.stopping.wait(max(SAVE_SECONDS, 20 * took)):
        if noted == running.journal.last:
            continue
        last, began = running.journal.last, time.monotonic()
        fault = running.save()
        if fault and fault != said:
            log.warning("%s (%s)", NOT_SAVED, fault)
        noted, said = noted if fault else last, fault
        took = time.monotonic() - began


def _tick(running: RunningSandbox) -> None:
    """Finish reads when they are due."""
    world = running.world
    while not running.stopping.is_set():
        with world.changed:
            due = world.advance()
            nap = MAX_SLEEP_SECONDS if due is None else min(MAX_SLEEP_SECONDS, due - world.clock())
            if nap > 0 and not running.stopping.is_set():
                world.changed.wait(nap)
