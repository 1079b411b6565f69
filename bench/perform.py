"""Syncs requested per second at 50 ms an answer: `python -m bench.perform`, ours and serially.

Codat's limits are those of production: calls a minute, ten at once per company, a day's quota.
The sandbox's journal is the clock and the judge.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import report
from bench.processes import DidNotWork, environment, running, scratch
from bench.report import Part, Report, Way
from cli.runner import embedded
from codat.client import Codat
from relay.budget import SharedGate
from relay.inbox.message import Action, action_fields
from relay.logging import set_up
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_micros, now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from sandbox.world.platforms import ACCOUNTING
from workers.context import Context
from workers.inbox.drain import drain_lanes
from workers.intents.perform import perform_due

GOAL = 10.0  # times one call at a time
ANSWER = 0.05  # seconds that Codat takes to answer
COMPANIES, TYPES = 40, ACCOUNTING[1:21]
ALONE = 100  # requests of the ways that go one by one
TIMEOUT = 60.0  # seconds
KEY = "sandbox"
CODATS_MINUTE = 1000  # Codat: using-the-api/rate-limits
MAX_CONCURRENT = 10
Call = dict[str, Any]
OURS, ONE_THREAD, BARE = "ours", "ours, one thread", "one call at a time"


@dataclass(frozen=True, slots=True)
class Scene:
    """A sandbox with linked companies, held by a store whose worker is still to be started."""

    sandbox: RunningSandbox
    store: Store
    companies: list[str]
    redis_url: str
    folder: Path


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
def main(rounds: int) -> None:
    """Request syncs in each way and write bench/results/perform.md; 1 when the goal is not met."""
    set_up("warning")
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that our processes are ended
    ways: dict[str, Callable[[Scene], list[Call]]] = {
        OURS: ours,
        ONE_THREAD: one_thread,
        BARE: bare,
    }
    part = Part(
        f"Syncs requested, Codat answers in {ANSWER * 1000:.0f} ms",
        "requests/s",
        BARE,
        {name: Way() for name in ways},
        GOAL,
        f"Ours: {COMPANIES * len(TYPES)} syncs of {COMPANIES} companies by one worker with its"
        f" default of threads, as production starts it; the others {ALONE}. The journal shows no"
        f" refused call, at most {MAX_CONCURRENT} at once per company, each sync asked for once.",
    )
    load = os.getloadavg()[0]
    try:
        for _ in range(rounds):
            for name, way in ways.items():
                part.ways[name].per_second.append(_measure(way))
                console.print(f"{name}: {part.ways[name].per_second[-1]:.0f}/s")
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
    remark = f"Load average {load:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended."
    done = Report(report.machine("Valkey"), [part], [remark])
    report.write(done, "perform")
    report.show(done, Console())
    sys.exit(0 if done.is_met() else 1)


def _measure(way: Callable[[Scene], list[Call]]) -> float:
    config = SandboxConfig(
        webhook_secret="whsec_" + "YmVuY2g" * 6, api_key=KEY, port=0, sync_seconds=0.0,
        minute_quota=CODATS_MINUTE,
    )  # fmt: skip
    with (
        scratch() as folder,
        embedded.start(folder / "data") as server,
        start(config) as sandbox,
    ):
        settings = Settings.from_env(environment(server.url) | _settings(sandbox), env_file=None)
        store = Store.open(settings)
        with store.client:
            companies = _link(settings, store, sandbox)
            sandbox.faults.add({"kind": "slow", "seconds": ANSWER})
            calls = way(Scene(sandbox, store, companies, server.url, folder))
        _judge(calls)
        return float(len(calls) / (calls[-1]["time"] - min(call["began"] for call in calls)))


def _settings(sandbox: RunningSandbox) -> dict[str, str]:
    return {
        "CODAT_API_URL": sandbox.url,
        "CODAT_API_KEY": KEY,
        "RELAY_DEFAULT_CADENCE": "none",
        "RELAY_RECONCILE_AT": "never",
    }


def _link(settings: Settings, store: Store, sandbox: RunningSandbox) -> list[str]:
    """Link companies, and finish all work that follows a link."""
    codat = Codat(KEY, sandbox.url, gate=SharedGate(store))
    context = Context(settings, store, Hints(store.client), codat)
    companies = []
    for number in range(COMPANIES):
        company = sandbox.world.create_company(f"Company {number}").id
        sandbox.world.authorise(sandbox.world.create_connection(company, "gbol").id)
        action = Action(
            company, "relay.company_created", company, now_micros(), {"name": "Company"}
        )
        store.inbox.ingest(action.id, company, action_fields(action))
        need = NewIntent(f"reread:{company}", company, Priority.LINK, now_ms(), "bench")
        store.intents.put([need], now_ms())
        companies.append(company)
    while drain_lanes(context) + perform_due(context):
        pass
    return companies


def ours(scene: Scene, threads: str = "", wanted: int = COMPANIES * len(TYPES)) -> list[Call]:
    """Let one worker, as production starts it, request what is due."""
    needs = [
        NewIntent(f"sync:{company}:{data_type}:p1", company, Priority.NOW, now_ms(), "bench",
             {"data_type": data_type, "period": "p1"})
        for company in scene.companies
        for data_type in TYPES
    ][:wanted]  # fmt: skip
    scene.store.intents.put(needs, now_ms())
    env = environment(scene.redis_url, **_settings(scene.sandbox))
    if threads:
        env["RELAY_WORKER_THREADS"] = threads
    Hints(scene.store.client).perform()
    with running(["-m", "cli", "worker", "codat"], env, scene.folder) as worker:
        deadline = time.monotonic() + TIMEOUT
        while len(calls := _requests(scene.sandbox)) < wanted:
            if time.monotonic() > deadline or worker.poll() is not None:
                raise DidNotWork(
                    f"{len(calls)} syncs of {wanted} were requested in {TIMEOUT:.0f} s"
                )
            time.sleep(0.05)
    return calls


def one_thread(scene: Scene) -> list[Call]:
    """The same worker with one thread."""
    return ours(scene, "1", ALONE)


def bare(scene: Scene) -> list[Call]:
    """A loop over a pooled session: one call after the other, nothing kept, no limit looked at."""
    codat = Codat(KEY, scene.sandbox.url)
    for number in range(ALONE):
        company, data_type = divmod(number, len(TYPES))
        codat.refresh_data_type(scene.companies[company], TYPES[data_type])
    return _requests(scene.sandbox)


def _requests(sandbox: RunningSandbox) -> list[Call]:
    return [
        entry
        for entry in sandbox.journal.after(0, 1_000_000)
        if entry["kind"] == "api" and "/data/queue/" in entry["path"]
    ]


def _judge(calls: list[Call]) -> None:
    """Raise DidNotWork unless each sync was asked for once, within the limits."""
    if any(call["status"] != 200 for call in calls):
        raise DidNotWork("a request was refused")
    if len({call["path"] for call in calls}) < len(calls):
        raise DidNotWork("a sync was requested twice")
    for company in {call["companyId"] for call in calls}:
        mine = [call for call in calls if call["companyId"] == company]
        steps = sorted([(c["began"], 1) for c in mine] + [(c["time"], -1) for c in mine])
        if max(accumulate(step for _, step in steps)) > MAX_CONCURRENT:
            raise DidNotWork("more calls were under way for one company than Codat allows")


if __name__ == "__main__":
    main()
