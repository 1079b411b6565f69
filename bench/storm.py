"""Measure the sandbox's storm: `python -m bench.storm`, at a bare app and at our receiver.

One process sends; afterwards a worker drains what our receiver took, and every company must be held
as the storm says it ends.
"""

import os
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from bench.events import SECRET
from bench.ingest import BARE, OURS, Contender, held_by_us
from bench.processes import (
    DidNotWork,
    environment,
    free_port,
    running,
    scratch,
    wait_for_port,
)
from bench.report import RESULTS, machine
from cli.runner import embedded
from relay.settings import Settings
from relay.store import Store
from sandbox.load.load_generator import LoadGenerator
from sandbox.load.storm import Storm, StormConfig, brew

GOAL = 2_000.0  # a second
TIMEOUT = 120.0  # seconds to drain
Row = dict[str, str]


@click.command()
@click.option("--webhooks", default=50_000, show_default=True)
@click.option("--companies", default=5_000, show_default=True)
@click.option("--connections", default=16, show_default=True)
def main(webhooks: int, companies: int, connections: int) -> None:
    """Send one storm to each and write bench/results/storm.md; 1 when the sender is too slow."""
    console = Console(stderr=True)
    wanted = StormConfig(companies, webhooks)
    began = os.getloadavg()[0]
    try:
        rows = [_measure(contender, wanted, connections, console) for contender in (BARE, OURS)]
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
    _write(rows, wanted, connections, began)
    console.print((RESULTS / "storm.md").read_text(encoding="utf-8"), markup=False)
    sys.exit(0 if float(rows[0]["a second"].replace(",", "")) >= GOAL else 1)


def _measure(contender: Contender, wanted: StormConfig, connections: int, console: Console) -> Row:
    with scratch() as folder, embedded.start(folder / "data") as server:
        port = free_port()
        url = f"http://127.0.0.1:{port}/webhooks/codat"
        console.print(f"{contender.name}: making the storm")
        began = time.perf_counter()
        storm = brew(wanted, url, SECRET, time.time())
        made_in = time.perf_counter() - began
        env = environment(server.url, PORT=str(port))
        with running(contender.command(port), env, folder) as process:
            wait_for_port(port, process)
            score = LoadGenerator(url, SECRET, connections=connections).throw(storm.messages)
        shown = score.shown()
        if contender is OURS:
            _judge(storm, server.url, folder, console)
        return {
            "to": contender.name,
            "sent": f"{score.sent:,}",
            "acknowledged": f"{score.acknowledged:,}",
            "given up": f"{score.given_up:,}",
            "a second": f"{shown['per_second']:,.0f}",
            "p50 ms": f"{shown['p50_ms']:.2f}",
            "p99 ms": f"{shown['p99_ms']:.2f}",
            "made in s": f"{made_in:.1f}",
        }


def _judge(storm: Storm, redis_url: str, folder: Path, console: Console) -> None:
    """Check that each event was taken once, and each company ends as the storm says."""
    taken = held_by_us(redis_url)
    if taken != storm.unique:
        raise DidNotWork(f"{taken} webhooks are held of {storm.unique}")
    console.print("draining, to see how each company ends")
    settings = Settings.from_env({"REDIS_URL": redis_url}, env_file=None)
    store = Store.open(settings)
    with store.client:
        env = environment(redis_url)
        with running(["-m", "cli", "worker", "drain"], env, folder):
            deadline = time.monotonic() + TIMEOUT
            while _wrong(store, storm) and time.monotonic() < deadline:
                time.sleep(0.5)
        if wrong := _wrong(store, storm):
            raise DidNotWork(f"{len(wrong)} companies end otherwise, such as {wrong[0]}")


def _wrong(store: Store, storm: Storm) -> list[str]:
    return [
        company
        for company, end in storm.ends.items()
        if (held := store.companies.get(company)) is None or held.status != end
    ]


def _write(rows: list[Row], wanted: StormConfig, connections: int, load: float) -> None:
    facts = ", ".join(f"{name} {value}" for name, value in machine("Valkey").items())
    lines = [
        "# Measured: a storm of webhooks sent by one process",
        "",
        f"Machine: {facts}. Sender and receiver share the cores; load average {load:.1f} when it"
        f" began, {os.getloadavg()[0]:.1f} when it ended.",
        "",
        f"{wanted.webhooks:,} signed webhooks over {wanted.companies:,} companies,"
        f" {wanted.duplicate_share:.0%} sent twice, each up to {wanted.reorder:g} events of its"
        f" company late, over {connections} connections.",
        "",
        f"| {' | '.join(rows[0])} |",
        f"| {' | '.join('---' for _ in rows[0])} |",
        *(f"| {' | '.join(row.values())} |" for row in rows),
        "",
        f"Goal: {GOAL:,.0f} a second from one process. What limits the second row is the receiver,"
        " with every webhook on disk before its answer (`appendfsync always`). Each event was then"
        " held once, and after a drain every company's status was the one the storm states.",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "storm.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
