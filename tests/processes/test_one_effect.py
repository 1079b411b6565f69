"""Two workers on one intent, and one frozen past its lease: one effect at Codat, one record."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from relay.inbox.message import Action, action_fields
from relay.queues import Hints
from relay.store import Store, keys
from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_micros, now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from support.fleet import Fleet, running_fleet
from support.log import read_log
from support.parts import SECRET, SentHints, drain_all, make_codat
from support.waiting import wait_until
from workers.context import Context
from workers.intents.perform import perform_due

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

KEY = "sandbox-key"
SLOW = 3.0  # seconds of the call in which a worker is frozen
# What is told, and the request that is its effect at Codat.
RENAMED, FETCHED, REQUESTED = "company.renamed", "company.info_fetched", "sync.requested"
EFFECTS = {RENAMED: ("PATCH", ""), REQUESTED: ("POST", "/data/queue/invoices")}


@dataclass
class Scene:
    """A service without workers at first, the sandbox it asks, and companies at chosen points."""

    sandbox: RunningSandbox
    fleet: Fleet
    store: Store
    context: Context

    def companies(self, count: int, steps: int) -> list[str]:
        """Have companies made under dummy names and linked, and take so many steps with them.

        After none their info is to be fetched next, after one they are to be renamed, after two
        nothing is left to be done.
        """
        made = [self.sandbox.world.create_company("Session").id for _ in range(count)]
        for company in made:
            connection = self.sandbox.world.create_connection(company, "gbol")
            self.sandbox.world.authorise(connection.id)
            facts = {"name": "Session", "placeholder": True}
            action = Action(company, "relay.company_created", company, now_micros(), facts)
            self.store.inbox.ingest(action.id, company, action_fields(action))
            self.put(f"reread:{company}", company)
        drain_all(self.context)
        for _ in range(steps + 1):
            perform_due(self.context)
            drain_all(self.context)
        for company in made:  # else the reads of its link, seconds ago, would pass for ours
            self.sandbox.world.companies[company].history.clear()
        return made

    def put(self, name: str, company: str, **args: str) -> str:
        self.store.intents.put(
            [NewIntent(name, company, Priority.NOW, now_ms(), "test", args)], now_ms()
        )
        return name

    def put_sync(self, company: str) -> str:
        name = f"sync:{company}:invoices:p1"
        return self.put(name, company, data_type="invoices", period="p1")

    def slow(self, company: str, method: str, ending: str) -> None:
        self.sandbox.faults.add(
            {"kind": "slow", "seconds": SLOW, "count": 1, "method": method,
             "path": f"/companies/{company}{ending}"}
        )  # fmt: skip

    def hint(self) -> None:
        Hints(self.store.client).perform()

    def new_info(self, company: str) -> str:
        """Let Codat hold other info than we do, and have it fetched."""
        self.sandbox.world.companies[company].info["companyName"] = "Renewed"
        return self.put(f"info:{company}", company)

    def slowed(self) -> list[Any]:
        return [e for e in self.sandbox.journal.after(0, 100_000) if e.get("fault") == "slow"]

    def is_up(self, worker: str) -> bool:
        return "worker.started" in self.fleet.log_of(worker).read_text()

    def running(self) -> list[str]:
        """What waits or is under way, but for looks at the first reads of the links."""
        waiting = self.store.intent_list.walk("waiting", 1000)
        return [one.name for one in waiting if one.kind not in ("track", "data")]

    def lapse(self) -> None:
        """Let the leases of all that is being worked on run out."""
        for priority in Priority:
            due = f"{keys.INTENTS_DUE}{int(priority)}"
            names = self.store.client.zrange(due, 0, -1)
            if names:
                self.store.client.zadd(due, dict.fromkeys(names, now_ms()), xx=True)

    def once(self, company: str, event_type: str, since: int) -> bool:
        """Whether what is told by this event was done once, and told once after event `since`."""
        events = read_log(self.store, since, 100_000)
        told = [e for e in events if (e.subject, e.type) == (company, event_type)]
        method, ending = EFFECTS.get(event_type, ("", ""))
        asked = (method, f"/companies/{company}{ending}")
        done = [e for e in self.sandbox.journal.after(0, 100_000) if e["kind"] == "api"
                and (e["method"], e["path"]) == asked and e["status"] == 200]  # fmt: skip
        return len(told) == 1 and len(done) == (event_type in EFFECTS)


@pytest.fixture
def scene(tmp_path, make_settings) -> Iterator[Scene]:
    settings = make_settings(codat_webhook_secrets=SECRET, relay_default_cadence="none")
    config = SandboxConfig(webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0)
    with (
        start(config) as sandbox,
        running_fleet(
            tmp_path, codat_api_url=sandbox.url, codat_api_key=KEY, relay_retry_seconds=0.05,
            relay_log_level="info",
        ) as fleet,
        fleet.store() as store,
    ):  # fmt: skip
        context = Context(settings, store, SentHints(), make_codat(KEY, sandbox.url, store))  # type: ignore[arg-type]
        yield Scene(sandbox, fleet, store, context)


def test_a_worker_frozen_past_its_lease_does_nothing_twice(scene):
    """Frozen in each call that an attempt makes: those with an effect, and those before them."""
    listing, posting, informed = scene.companies(3, steps=2)
    looking, patching = scene.companies(2, steps=1)
    since = scene.store.events.last()
    # An info may wait besides: where a read of the link was heard of while the first was fetched.
    names = [scene.put_sync(listing), scene.put_sync(posting), scene.new_info(informed)]
    names += [f"name:{looking}", f"name:{patching}"]
    assert set(names) <= set(scene.running())
    refusal = {"kind": "status", "status": 500, "count": 1, "method": "POST"}
    scene.sandbox.faults.add(refusal | {"companyId": listing})  # so that it looks before it asks
    scene.slow(listing, "GET", "/data/history")
    scene.slow(posting, "POST", "/data/queue/invoices")
    scene.slow(informed, "GET", "/data/info")
    scene.slow(looking, "GET", "")
    scene.slow(patching, "PATCH", "")
    scene.fleet.start("codat-frozen")
    scene.hint()
    faults = scene.sandbox.faults
    wait_until(lambda: not any(fault["count"] for fault in faults.list()), "five slow calls")
    scene.fleet.signal("codat-frozen", signal.SIGSTOP)
    wait_until(lambda: len(scene.slowed()) == 5, "Codat's five answers")
    scene.lapse()
    scene.fleet.start("codat-other")
    scene.hint()
    wait_until(lambda: not set(scene.running()) & set(names), "the end of the five")
    scene.fleet.signal("codat-frozen", signal.SIGCONT)
    wait_until(
        lambda: len(unrecorded(scene.fleet, "codat-frozen")) == 5, "five ends without effect"
    )
    drain_all(scene.context)
    assert scene.once(listing, REQUESTED, since)
    assert scene.once(posting, REQUESTED, since)
    assert scene.once(looking, RENAMED, since)
    assert scene.once(patching, RENAMED, since)
    assert scene.once(informed, FETCHED, since)
    assert set(unrecorded(scene.fleet, "codat-frozen")) == set(names)


def test_two_workers_on_the_same_intents_do_each_once(scene):
    synced = scene.companies(20, steps=2)  # two intents each: more than one takes at once
    named = scene.companies(10, steps=1)
    since = scene.store.events.last()
    workers = ("codat-1", "codat-2")
    for worker in workers:
        scene.fleet.start(worker)
    wait_until(lambda: all(map(scene.is_up, workers)), "two workers")
    scene.sandbox.faults.add({"kind": "slow", "seconds": 0.1})
    for company in synced:
        scene.put_sync(company)
        scene.new_info(company)
    for _ in range(8):
        scene.hint()
    wait_until(lambda: not scene.running(), "the end of all")
    drain_all(scene.context)
    for company in synced:
        assert scene.once(company, REQUESTED, since)
        assert scene.once(company, FETCHED, since)
    for company in named:
        assert scene.once(company, RENAMED, since)
    assert all(ended(scene.fleet, worker) for worker in workers)


def ended(fleet: Fleet, worker: str) -> list[dict[str, Any]]:
    """Give what a worker logged of the ends of its attempts."""
    lines = map(json.loads, fleet.log_of(worker).read_text().splitlines())
    return [line for line in lines if line["event"] == "intent.attempted"]


def unrecorded(fleet: Fleet, worker: str) -> list[str]:
    return [line["intent"] for line in ended(fleet, worker) if not line["recorded"]]
