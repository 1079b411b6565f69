"""Many companies while Codat fails in every way it can, and goes dark for a while.

`RELAY_PROOF_COMPANIES` makes it larger than the test suite has time for. The judge is the sandbox's
journal.
"""

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from parts import SECRET, SentHints, make_codat
from receiver.app import create_app
from relay.company import NameSource
from relay.message import Action, action_fields
from relay.times import now_micros
from sandbox.config import SandboxConfig
from sandbox.server import start
from workers.context import Context
from workers.drain import drain_lanes
from workers.perform import perform_due

COMPANIES = int(os.environ.get("RELAY_PROOF_COMPANIES", "120"))
PATIENCE = 60 + COMPANIES / 10  # seconds
BLACKOUT = min(6.0, 1.5 + COMPANIES / 1000)  # seconds; stands for ten minutes
THREADS = 16
KEY = "sandbox-key"
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "share": 0.05},
    {"kind": "status", "status": 503, "share": 0.05},
    {"kind": "status", "status": 429, "retryAfter": 1, "share": 0.002},
    {"kind": "half", "share": 0.05},
    {"kind": "lost", "share": 0.05},
    {"kind": "down", "share": 0.05},
    {"kind": "hang", "seconds": 3, "share": 0.01},
    {"kind": "slow", "seconds": 0.2, "share": 0.04},
]


@pytest.mark.timeout(PATIENCE * 3)
def test_every_company_ends_with_info_and_one_rename_within_the_limits(store, make_settings):
    settings = make_settings(
        codat_webhook_secrets=SECRET,
        relay_retry_seconds="0.2",
        relay_calls_per_minute="1000000",
        relay_worker_threads=str(THREADS),
        relay_default_cadence="none",
    )
    hints = SentHints()
    server = make_server("127.0.0.1", 0, create_app(settings, store, hints), threaded=True)  # type: ignore[arg-type]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = SandboxConfig(webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0)
    with start(config) as sandbox:
        sandbox.deliver_to(f"http://127.0.0.1:{server.server_port}/webhooks/codat")
        codat = make_codat(KEY, sandbox.url, store)
        context = Context(settings, store, hints, codat)  # type: ignore[arg-type]
        companies = link_all(context, sandbox.url)
        begun = time.time()
        for fault in FAULTS:
            post(f"{sandbox.url}/sandbox/faults", fault)
        stopping = threading.Event()
        worker = threading.Thread(target=work, args=(context, stopping), daemon=True)
        worker.start()
        time.sleep(1.0)
        post(f"{sandbox.url}/sandbox/faults", {"kind": "down"})
        time.sleep(BLACKOUT)
        requests.delete(f"{sandbox.url}/sandbox/faults", timeout=10)
        for fault in FAULTS:
            post(f"{sandbox.url}/sandbox/faults", fault)
        deadline = time.monotonic() + PATIENCE
        while unfinished(context) and time.monotonic() < deadline:
            time.sleep(0.25)
        assert unfinished(context) == []
        stopping.set()
        worker.join(60)
        calls = [e for e in sandbox.journal.after(0, 10_000_000)
                 if e["kind"] == "api" and e["time"] >= begun]  # fmt: skip
        check_names(context, sandbox, companies)
        check_waits(calls)
        assert not [e for e in calls if e["method"] == "PUT"]
        assert store.intents.counts()["dead"] == 0
        assert sandbox.world.quota.used <= 1000 * (1 + len(companies))
    server.shutdown()


def post(url: str, body: dict[str, Any]) -> None:
    answer = requests.post(url, json=body, timeout=30)
    assert answer.ok, answer.text


def link_all(context: Context, url: str) -> list[str]:
    """Create the companies under dummy names, marked as ours, and have their customers link."""

    def link(number: int) -> str:
        company = context.codat.create_company(f"Session {number}")
        payload = {"name": company.name, "placeholder": True}
        action = Action(
            f"created:{company.id}", "relay.company_created", company.id, now_micros(), payload
        )
        context.store.inbox.ingest(action.id, company.id, action_fields(action))
        post(f"{url}/sandbox/companies/{company.id}/authorise", {"platformKey": "gbol"})
        return company.id

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(link, range(COMPANIES)))


def work(context: Context, stopping: threading.Event) -> None:
    while not stopping.is_set():
        if not drain_lanes(context) + perform_due(context):
            time.sleep(0.02)


def unfinished(context: Context) -> list[str]:
    held = list(context.store.companies.all())
    left = [c.id for c in held if c.info is None or c.name_source is not NameSource.CODAT]
    return left if len(held) == COMPANIES else ["some are not held yet", *left]


def check_names(context: Context, sandbox: Any, companies: list[str]) -> None:
    """Each dummy name was replaced once: one event, and at Codat one change of the name."""
    events = context.store.events.read(0, 10_000_000).events
    renamed = Counter(e.subject for e in events if e.type == "company.renamed")
    assert renamed == Counter(companies)
    for company in companies:
        held = context.store.companies.get(company)
        assert sandbox.world.companies[company].name == held.name


def check_waits(calls: list[dict[str, Any]]) -> None:
    """After a 429 nothing leaves before its time, but for what was under way already."""
    limited = [e for e in calls if e["status"] == 429]
    for refused in limited:
        early = [e for e in calls if refused["time"] < e["time"] < refused["time"] + 0.95]
        assert len(early) <= THREADS, (refused, early)
        settled = [e for e in early if e["time"] > refused["time"] + 0.5 and e["status"] == 200]
        assert len(settled) <= THREADS // 2, settled
