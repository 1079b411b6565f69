"""The whole service as threads of one process, beside the sandbox, over real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import requests
from werkzeug.serving import make_server

from receiver.app import create_app
from relay.budget import calling_as
from relay.inbox.message import Action, action_fields
from relay.store import Store
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.schedule import ALL
from relay.times import now_micros, now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from support.log import read_log
from support.parts import SECRET, SentHints, make_codat
from support.waiting import wait_until
from workers.context import Context
from workers.inbox.drain import drain_lanes
from workers.intents.perform import perform_due

KEY = "sandbox-key"
PATIENCE = 30.0  # seconds; only a failing test waits so long
XERO = {"platformKey": "gbol"}
R = TypeVar("R", bound="Relay")
App = Callable[..., Any]


@dataclass
class Relay:
    """Receiver, workers and sweeper as threads of one process, and the sandbox they serve."""

    store: Store
    context: Context
    sandbox: RunningSandbox
    url: str
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def hooks(self) -> str:
        """Where the sandbox posts its webhooks."""
        return f"{self.url}/webhooks/codat"

    def work(self) -> None:
        while not self.stopping.is_set():
            if not drain_lanes(self.context) + perform_due(self.context):
                time.sleep(0.01)

    def until(self, met: Callable[[], Any], what: str) -> Any:
        try:
            return wait_until(met, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.told()}") from error.__cause__

    def told(self, company_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        events = read_log(self.store, 0, 1_000_000)
        return [(e.type, e.data) for e in events if company_id in (None, e.subject)]

    def status(self, company_id: str) -> str | None:
        company = self.store.companies.get(company_id)
        return company and company.status

    def named(self, company_id: str) -> bool:
        """Whether its name is the real one, written by us."""
        company = self.store.companies.get(company_id)
        return company is not None and company.name_source == "codat"

    def types(self, company_id: str | None = None) -> list[str]:
        return [kind for kind, _ in self.told(company_id)]

    def create(self, name: str, *, placeholder: bool = True, **more: Any) -> str:
        """Create a company at Codat as the portal does, marked as ours to rename."""
        with calling_as(Priority.LINK):
            company = self.context.codat.create_company(name, **more)
        payload = {"name": company.name, "placeholder": placeholder}
        action = Action(f"created:{company.id}", "relay.company_created", company.id,
                        now_micros(), payload)  # fmt: skip
        self.store.inbox.ingest(action.id, company.id, action_fields(action))
        return company.id

    def control(self, company_id: str, act: str, **body: Any) -> None:
        answer = requests.post(
            f"{self.sandbox.url}/sandbox/companies/{company_id}/{act}", json=body, timeout=PATIENCE
        )
        assert answer.ok, answer.text

    def fault(self, **fault: Any) -> None:
        answer = requests.post(f"{self.sandbox.url}/sandbox/faults", json=fault, timeout=PATIENCE)
        assert answer.ok, answer.text

    def deliver_webhooks(self, **how: Any) -> None:
        """Disturb the sandbox's webhooks, or with other values no more."""
        answer = requests.post(f"{self.sandbox.url}/sandbox/delivery", json=how, timeout=PATIENCE)
        assert answer.ok, answer.text

    def slow_reads(self, seconds: float) -> None:
        world = self.sandbox.world
        with world.lock:
            world.config = replace(world.config, sync_seconds=seconds)
            world.syncs.seconds = seconds

    def heal(self) -> None:
        requests.delete(f"{self.sandbox.url}/sandbox/faults", timeout=PATIENCE)

    def journal(self, method: str, company_id: str, ending: str = "") -> list[Any]:
        answer = requests.get(
            f"{self.sandbox.url}/sandbox/journal", params={"limit": 100_000}, timeout=PATIENCE
        )
        entries = answer.json()["entries"]
        return [
            e
            for e in entries
            if e["kind"] == "api"
            and e["method"] == method
            and e["companyId"] == company_id
            and e["path"].endswith(ending)
        ]

    def at_codat(self, company_id: str) -> dict[str, Any]:
        with calling_as(Priority.LINK):  # a test looks even when the quota is short
            return self.context.codat.get_company(company_id).raw

    def sync_now(
        self, company_id: str, data_type: str = ALL, period: str = "p1", times: int = 1
    ) -> str:
        name = f"sync:{company_id}:{data_type}:{period}"
        facts = {"data_type": data_type, "period": period}
        need = NewIntent(name, company_id, Priority.NOW, now_ms(), "test", facts)
        self.store.intents.put([need] * times, now_ms())
        return name


def receiver_only(context: Context) -> App:
    app: App = create_app(context.settings, context.store, context.hints)
    return app


@contextmanager
def running(
    kind: type[R],
    store: Store,
    make_settings: Callable[..., Any],
    make_app: Callable[[Context], App] = receiver_only,
    **more: Any,
) -> Iterator[R]:
    """Run web process, worker and sandbox for a while; `more` are settings."""
    server = make_server("127.0.0.1", 0, lambda environ, respond: [], threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, time_scale=10_000
    )
    with start(config) as sandbox:
        settings = make_settings(
            codat_webhook_secrets=SECRET,
            relay_retry_seconds="0.05",
            port=server.server_port,
            sandbox_port=sandbox.url.rpartition(":")[2],
            sandbox_api_key=KEY,
            **more,
        )
        codat = make_codat(KEY, sandbox.url, store, settings.codat_api_generation)
        context = Context(settings, store, SentHints(), codat)  # type: ignore[arg-type]
        server.app = make_app(context)
        relay = kind(store, context, sandbox, url)
        sandbox.deliver_to(relay.hooks)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        worker = threading.Thread(target=relay.work, daemon=True)
        worker.start()
        try:
            yield relay
        finally:
            relay.heal()
            relay.stopping.set()
            worker.join(PATIENCE)
            server.shutdown()


def linked(relay: Relay) -> str:
    company = relay.create("Session")
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.named(company), "the link")
    return company


def requested(relay: Relay, company: str) -> Any:
    return next((d for kind, d in relay.told(company) if kind == "sync.requested"), None)
