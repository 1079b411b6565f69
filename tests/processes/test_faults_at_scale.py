"""Many companies while Codat fails in every way it can, and goes dark for a while.

Two workers' processes, all waits a fraction of production's, and a quota that lasts a part of what
is needed, so that days pass too. The judge is the sandbox's journal.

`make proofs` runs this and the other proofs at the size that `bench/results/faults.md` has.
"""

import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import click
import pytest

from relay.companies.company import NameSource
from relay.inbox.message import Action, action_fields
from relay.store import Store, keys
from relay.times import now_micros
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from sandbox.world.acts import Acts
from support.fleet import running_fleet
from support.log import read_log
from support.parts import SECRET
from support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

COMPANIES = int(os.environ.get("RELAY_PROOF_COMPANIES", "120"))
PATIENCE = (60 if COMPANIES < 1000 else 300) + COMPANIES / 5  # seconds
SCALE = 300 if COMPANIES < 1000 else 60  # a second here stands for so many
BLACKOUT = 600 / SCALE  # seconds
DAY = max(5, COMPANIES // 100)  # seconds
QUOTA = 250 + COMPANIES * 3 // 2  # requests a day: less than the run needs
WORKERS, THREADS = 2, 16
WAIT = 3  # seconds that a 429 asks for
KEY = "sandbox-key"
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 429, "retryAfter": WAIT, "share": 0.02, "count": 2 + DAY // 10},
    {"kind": "status", "status": 503, "retryAfter": 1, "share": 0.04},
    {"kind": "status", "status": 500, "share": 0.08},
    {"kind": "status", "status": 408, "share": 0.03},
    {"kind": "half", "share": 0.06},
    {"kind": "lost", "share": 0.06},
    {"kind": "down", "share": 0.06},
    {"kind": "hang", "seconds": 3, "share": 0.01},
    {"kind": "slow", "seconds": 0.2, "share": 0.04},
]
Call = dict[str, Any]
Hold = tuple[float, float]  # when it was seen, and until when nobody calls; seconds


@pytest.mark.timeout(PATIENCE * 2)
def test_every_company_gets_info_and_one_rename_within_the_limits(tmp_path):
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, time_scale=SCALE,
        daily_quota=QUOTA, quota_day=DAY,
    )  # fmt: skip
    with (
        start(config) as sandbox,
        running_fleet(
            tmp_path, "web", "drain", "scheduler", *(f"codat-{n}" for n in range(WORKERS)),
            codat_api_url=sandbox.url, codat_api_key=KEY, relay_codat_timeout=2,
            relay_retry_seconds=5 / SCALE, relay_calls_per_minute=900 * SCALE,
            relay_worker_threads=THREADS, relay_reconcile_at="never",
        ) as fleet,
        fleet.store() as store,
        fleet.store() as watched,
        watching_holds(watched) as holds,
    ):  # fmt: skip
        fleet.wait_until_ready()
        began = time.time()
        set_faults(sandbox, FAULTS)
        sandbox.deliver_to(fleet.webhooks)
        companies = link_all(store, sandbox)
        wait_until(lambda: api_calls(sandbox, 1), "the first call", PATIENCE)
        set_faults(sandbox, [{"kind": "down"}])
        time.sleep(BLACKOUT)
        set_faults(sandbox, FAULTS)
        wait_until(lambda: is_done(store, sandbox), "the end of all work", PATIENCE)
        took = time.time() - began
        calls = api_calls(sandbox, 1_000_000)
        tell_figures(calls, took)
        check_companies(store, sandbox, companies)
        check_renames(store, calls, companies)
        check_waits(calls, holds)
        check_limits(calls)
        assert not [call for call in calls if call["method"] == "PUT"]


def set_faults(sandbox: RunningSandbox, faults: list[dict[str, Any]]) -> None:
    sandbox.faults.clear()
    for fault in faults:
        sandbox.faults.add(fault)


def link_all(store: Store, sandbox: RunningSandbox) -> list[str]:
    """Have companies made under dummy names, marked as ours, and linked by their customers."""
    acts = Acts(sandbox.world, sandbox.delivery)
    made = [sandbox.world.create_company(f"Session {number}") for number in range(COMPANIES)]
    for company in made:
        payload = {"name": company.name, "placeholder": True}
        action = Action(
            f"created:{company.id}", "relay.company_created", company.id, now_micros(), payload
        )
        store.inbox.ingest(action.id, company.id, action_fields(action))
        acts.do("authorise", company, {"platformKey": "gbol"})
    return [company.id for company in made]


@contextmanager
def watching_holds(store: Store) -> Iterator[list[Hold]]:
    """Look all the time whether calls to Codat are held, and note each hold when it is seen."""
    holds: list[Hold] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            held = float(store.client.get(keys.HOLD) or 0) / 1000
            if held and (not holds or holds[-1][1] != held):
                holds.append((time.time(), held))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield holds
    finally:
        over.set()
        watcher.join()


def api_calls(sandbox: RunningSandbox, most: int) -> list[Call]:
    entries = sandbox.journal.after(0, 1_000_000)
    assert not entries or entries[0]["seq"] == 1, "the journal has forgotten its beginning"
    calls = [entry for entry in entries if entry["kind"] == "api"]
    return calls[:most]


def is_done(store: Store, sandbox: RunningSandbox) -> bool:
    """Whether every webhook is taken and applied, and nothing but later looks left to be done."""
    return (
        sandbox.delivery.unfinished == 0
        and store.inbox.depths()["lanes_waiting"] == 0
        and sum(store.intents.counts().values()) == store.intent_list.count("waiting", "track:*")
    )


def check_companies(store: Store, sandbox: RunningSandbox, companies: list[str]) -> None:
    held = {company.id: company for company in store.companies.all()}
    assert held.keys() == set(companies)
    for company in held.values():
        assert (company.info is not None, company.name_source) == (True, NameSource.CODAT)
        assert sandbox.world.companies[company.id].name == company.name
    assert store.intents.counts()["dead"] == store.inbox.depths()["dead_letters"] == 0


def check_renames(store: Store, calls: list[Call], companies: list[str]) -> None:
    """Each dummy name was replaced once: one change at Codat, and one event."""
    events = read_log(store, 0, 10_000_000)
    renamed = Counter(event.subject for event in events if event.type == "company.renamed")
    assert renamed == Counter(companies)
    changed = [call for call in calls if call["method"] == "PATCH" and call["status"] == 200]
    assert Counter(call["companyId"] for call in changed) == Counter(companies)


def check_waits(calls: list[Call], holds: list[Hold]) -> None:
    """A 429 holds everybody for as long as it asks: nobody calls once the hold is known.

    Each thread of the workers may still send the one call that it was granted before. How long the
    store takes to learn of a refusal is the machine's affair: a stalled disk stalls it too.
    """
    refused = [call for call in calls if call["status"] == 429 and call.get("fault")]
    assert refused
    for call in refused:
        assert [hold for hold in holds if hold[1] >= call["time"] + WAIT - 0.01], (call, holds)
    begun = sorted(call["began"] for call in calls)
    for seen, until in holds:
        early = begun[bisect_right(begun, seen) : bisect_left(begun, until)]
        assert len(early) <= WORKERS * THREADS, (seen, until, early)
    asked: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        asked[call["method"], call["path"]].append(call)
    for same in asked.values():
        for before, after in pairwise(same):
            assert before["status"] != 503 or after["began"] >= before["time"] + 0.99


def check_limits(calls: list[Call]) -> None:
    """No more than ten at once per company, and no request that Codat refused for its quota.

    Codat counts: at a day's border only it can say to which day a request belongs.
    """
    assert [call for call in calls if call["status"] == 429 and not call.get("fault")] == []
    moments: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for call in calls:
        moments[call["companyId"]] += [(call["began"], 1), (call["time"], -1)]
    for ups_and_downs in moments.values():
        assert max(accumulate(step for _, step in sorted(ups_and_downs))) <= 10
    assert len(by_day(calls)) > 1, "the quota was never short"


def by_day(calls: list[Call]) -> Counter[int]:
    """Count the requests that reached Codat, by the days of its quota."""
    return Counter(int(call["began"] // DAY) for call in calls if call["status"] is not None)


def tell_figures(calls: list[Call], took: float) -> None:
    """Print what `bench/results/faults.md` tells."""
    faults = Counter(
        f"{call['fault']} {call['status']}" if call["fault"] == "status" else call["fault"]
        for call in calls
        if "fault" in call
    )
    rate = len(calls) / took
    click.echo(f"\n{COMPANIES:,} companies, {took:.0f} s, {len(calls):,} calls, {rate:.0f}/s")
    click.echo(f"faults: {dict(faults)}")
    click.echo(f"a day's {QUOTA:,}: {[count for _, count in sorted(by_day(calls).items())]}")
