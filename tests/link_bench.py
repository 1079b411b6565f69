"""The whole service as threads of one process, and the sandbox, for a customer in a browser."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests
from werkzeug.serving import make_server

from parts import SECRET, SentHints
from portal.app import create_app as create_portal
from receiver.app import create_app as create_receiver
from relay.budget import make_client
from relay.store import Store
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, start
from workers.context import Context
from workers.drain import drain_lanes
from workers.perform import perform_due

KEY = "sandbox-key"
TOKEN = "operator-operator-operator"
PATIENCE = 30.0  # seconds; only a failing test waits so long
RETURN = "/link/return?companyId={companyId}&statusCode={statusCode}&journey={journey}"


@dataclass
class Firm:
    """A firm's view of the running service, and the levers of the sandbox."""

    url: str
    store: Store
    context: Context
    sandbox: RunningSandbox
    portal: Any
    stopping: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        while not self.stopping.is_set():
            if not drain_lanes(self.context) + perform_due(self.context):
                time.sleep(0.01)

    def until(self, met: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := met():
                return found
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come about; log: {self.types()}")

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.request(
            method,
            self.url + path,
            json=body if method == "POST" else None,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=PATIENCE,
        )
        assert answer.ok, answer.text
        return dict(answer.json())

    def invite(self, **body: Any) -> dict[str, Any]:
        return self.ask("POST", "/v1/journeys", **body)

    def journey(self, journey: dict[str, Any]) -> dict[str, Any]:
        return self.ask("GET", f"/v1/journeys/{journey['id']}")

    def types(self, company_id: str | None = None) -> list[str]:
        events = self.store.events.read(0, 1_000_000).events
        return [e.type for e in events if company_id in (None, e.subject)]

    def told(self, company_id: str, kind: str) -> list[dict[str, Any]]:
        events = self.store.events.read(0, 1_000_000).events
        return [e.data for e in events if e.subject == company_id and e.type == kind]

    def control(self, company_id: str, act: str, **body: Any) -> None:
        answer = requests.post(
            f"{self.sandbox.url}/sandbox/companies/{company_id}/{act}", json=body, timeout=10
        )
        assert answer.ok, answer.text

    def slow_reads(self, seconds: float) -> None:
        world = self.sandbox.world
        with world.lock:
            world.config = replace(world.config, sync_seconds=seconds)
            world.syncs.seconds = seconds

    def status(self, company_id: str) -> str:
        held = self.store.companies.get(company_id)
        return str(held.status) if held else ""


@contextmanager
def firm(store: Store, make_settings: Callable[..., Any], **more: Any) -> Iterator[Firm]:
    """Run receiver, portal, workers and the sandbox for a while."""
    server = make_server("127.0.0.1", 0, lambda environ, respond: [], threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, time_scale=10_000
    )
    hints = SentHints()
    with start(config) as sandbox:
        settings = make_settings(
            codat_webhook_secrets=SECRET,
            relay_retry_seconds="0.05",
            relay_tokens=f"olga:operate:{TOKEN}",
            port=server.server_port,
            sandbox_port=sandbox.url.rpartition(":")[2],
            sandbox_api_key=KEY,
            **more,
        )
        sandbox.deliver_to(f"{url}/webhooks/codat")
        sandbox.world.profile["redirectUrl"] = url + RETURN
        codat = make_client(settings, store)
        receiver = create_receiver(settings, store, hints)  # type: ignore[arg-type]
        portal = create_portal(settings, store, hints, codat)  # type: ignore[arg-type]

        def divided(environ: dict[str, Any], respond: Any) -> Any:
            chosen = receiver if environ["PATH_INFO"].startswith("/webhooks/") else portal
            return chosen(environ, respond)

        server.app = divided
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = Context(settings, store, hints, codat)  # type: ignore[arg-type]
        running = Firm(url, store, context, sandbox, portal)
        worker = threading.Thread(target=running.work, daemon=True)
        worker.start()
        try:
            yield running
        finally:
            running.stopping.set()
            worker.join(PATIENCE)
            server.shutdown()
