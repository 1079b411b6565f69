"""One reconciliation after a tenth of the companies was told of by no webhook, its worker killed.

`make proofs` runs this and the other proofs at the size that `bench/results/reconcile.md` has.
"""

import os
import time
from collections import Counter
from typing import Any

import click
import pytest

from relay.queues import Hints
from relay.store import Store, keys
from relay.store.companies.reconciliations import Phase, Run
from relay.store.intents.queue import Priority
from relay.times import now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from support.fleet import Fleet, running_fleet
from support.log import read_log
from support.parts import SECRET
from support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

COMPANIES = int(os.environ.get("RELAY_PROOF_COMPANIES", "300"))
MISSED = COMPANIES // 10
PAGE = 10 if COMPANIES < 1000 else 100
PAGES = -(-COMPANIES // PAGE)
PATIENCE = 180 + COMPANIES / 10  # seconds; a killed worker's claim alone takes a minute
KEY = "sandbox-key"


@pytest.mark.timeout(PATIENCE * 4)
def test_missed_changes_are_healed_and_logged_once_despite_a_kill(
    tmp_path,
):
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, daily_quota=10**9
    )
    with (
        start(config) as sandbox,
        running_fleet(
            tmp_path, "web", "drain", "codat", "scheduler",
            codat_api_url=sandbox.url, codat_api_key=KEY, relay_calls_per_minute=10**6,
            relay_reconcile_at="never", relay_reconcile_page_size=PAGE,
        ) as fleet,
        fleet.store() as store,
    ):  # fmt: skip
        links = link_all(sandbox)
        reconcile(store, "taken-in")
        wait_until(lambda: is_over(store, sandbox, "taken-in"), "all companies held", PATIENCE)
        assert run_of(store, "taken-in").drift == drift(unknown=COMPANIES)
        missed = set(list(links)[::10])
        unlink(sandbox, [links[company] for company in missed])
        fleet.wait_until_ready()
        sandbox.deliver_to(fleet.webhooks)
        unlink(sandbox, [link for company, link in links.items() if company not in missed])
        wait_until(lambda: is_quiet(store, sandbox), "all webhooks applied", PATIENCE)
        since, asked = store.events.last(), len(api_calls(sandbox))
        began = time.time()
        sandbox.faults.add({"kind": "slow", "seconds": 0.05})
        reconcile(store, "healing")
        kill_half_way(fleet, store)
        wait_until(lambda: is_over(store, sandbox, "healing"), "the end of the run", PATIENCE)
        took, calls = time.time() - began, len(api_calls(sandbox)) - asked
        run = run_of(store, "healing")
        click.echo(f"\n{COMPANIES:,} companies, {PAGES} pages, {calls} calls, {took:.1f} s: {run}")
        assert run.drift == drift(missed=MISSED)
        assert (run.compared, run.figures["healed"]) == (COMPANIES, MISSED)
        assert run.miss_rate == pytest.approx(MISSED / COMPANIES)
        assert calls <= 1.2 * PAGES + MISSED
        check_log(store, since, missed)
    statuses = Counter(str(connection.status) for connection in sandbox.world.connections.values())
    assert statuses == {"Unlinked": COMPANIES}


def link_all(sandbox: RunningSandbox) -> dict[str, str]:
    """Have companies made and linked; give each one's connection."""
    links = {}
    for number in range(COMPANIES):
        company = sandbox.world.create_company(f"Company {number}")
        connection = sandbox.world.create_connection(company.id, "gbol")
        sandbox.world.authorise(connection.id)
        links[company.id] = connection.id
    return links


def unlink(sandbox: RunningSandbox, connections: list[str]) -> None:
    for connection in connections:
        sandbox.world.unlink(connection)


def reconcile(store: Store, run: str) -> None:
    store.reconciles.begin(run, cause="asked for", now=now_ms())
    Hints(store.client).perform()


def run_of(store: Store, run: str) -> Run:
    found = store.reconciles.get(run)
    assert found is not None
    return found


def drift(**found: int) -> dict[str, int]:
    return {"missed": 0, "late": 0, "wrong": 0, "unknown": 0, **found}


def kill_half_way(fleet: Fleet, store: Store) -> None:
    """Kill the worker in the middle of the pages, and let its lease run out at once."""
    wait_until(
        lambda: int(run_of(store, "healing").position) > PAGES // 2,
        "half of the pages",
        PATIENCE,
        0.01,
    )
    fleet.kill("codat")
    run = run_of(store, "healing")
    assert (run.phase, int(run.position) < PAGES) == (Phase.PAGES, True)
    due = f"{keys.INTENTS_DUE}{int(Priority.NOW)}"
    assert store.client.zadd(due, {"reconcile:healing": now_ms()}, xx=True, ch=True)
    Hints(store.client).perform()


def is_quiet(store: Store, sandbox: RunningSandbox) -> bool:
    """Whether every webhook is taken and applied and nothing is left to be done at Codat.

    Work leaves a message when it ends, and a message leaves work: so one is looked at twice.
    """
    return (
        sandbox.delivery.unfinished == 0
        and not any(store.intents.counts().values())
        and store.inbox.depths()["lanes_waiting"] == 0
        and not any(store.intents.counts().values())
    )


def is_over(store: Store, sandbox: RunningSandbox, run: str) -> bool:
    return run_of(store, run).phase is Phase.DONE and is_quiet(store, sandbox)


def api_calls(sandbox: RunningSandbox) -> list[Any]:
    entries = sandbox.journal.after(0, 1_000_000)
    assert not entries or entries[0]["seq"] == 1, "the journal has forgotten its beginning"
    return [entry for entry in entries if entry["kind"] == "api"]


def check_log(store: Store, since: int, missed: set[str]) -> None:
    """What was healed is told once, of those companies alone, and the log has no gap."""
    events = read_log(store, since, 10_000_000)
    assert [event.sequence for event in events] == [*range(since + 1, since + 1 + len(events))]
    for event_type in (
        "company.drift_found",
        "connection.status_changed",
        "company.status_changed",
    ):
        told = Counter(event.subject for event in events if event.type == event_type)
        assert told == Counter(missed), event_type
    types = Counter(event.type for event in events)
    assert (types["reconcile.completed"], types["reconcile.aborted"]) == (1, 0)
    assert {str(company.status) for company in store.companies.all()} == {"Unlinked"}
