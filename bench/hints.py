"""Measure what hints keep in the server: `python -m bench.hints`, at rates that rise.

Webhooks are sent at a steady rate to one web process, with one drain worker behind it. With
`--before <checkout>` the same is done with another checkout's processes, to compare with.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import click
import redis
from rich.console import Console

from bench import events
from bench.load import Connection, Refused, knock
from bench.processes import ROOT, DidNotWork, environment, free_port, running, scratch
from bench.processes import wait_for_port as wait
from bench.report import RESULTS, machine
from cli.runner import embedded
from relay.store import keys

RATES = (20, 100, 500, 2000)  # webhooks a second that are offered
CONNECTIONS = 16
POLL_SECONDS = 2.0
TIMEOUT = 60.0  # seconds after the last webhook, until all must be applied
QUEUE = "rq:queue:drain"


@dataclass(slots=True)
class Look:
    """The server at one moment."""

    waiting: int  # hints
    of_rq: int  # keys
    others: int  # keys, but for the markers of events
    markers: int  # of events, a key each, which stay as long as is set
    messages: int
    events: int
    megabytes: float
    at: float = 0.0  # seconds after the first webhook


@dataclass(slots=True)
class Run:
    """One rate."""

    rate: int
    acknowledged: int = 0
    seconds: float = 0.0
    applied_after: float | None = None  # seconds after the last webhook
    looks: list[Look] = field(default_factory=list)


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="How long each rate lasts.")
@click.option("--before", type=click.Path(exists=True, path_type=Path), help="Another checkout.")
def main(seconds: float, before: Path | None) -> None:
    """Send webhooks at each rate and write bench/results/hints.md."""
    console, load = Console(stderr=True), os.getloadavg()[0]
    trees = {"before": before.resolve()} if before else {}
    trees["now"] = ROOT
    runs: dict[str, list[Run]] = {}
    try:
        for name, tree in trees.items():
            runs[name] = []
            for rate in RATES:
                console.print(f"{name}: {rate} a second for {seconds:g} s")
                runs[name].append(measure(rate, seconds, tree))
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
    write(runs, seconds, load)
    console.print((RESULTS / "hints.md").read_text(encoding="utf-8"), markup=False)


def measure(rate: int, seconds: float, tree: Path) -> Run:
    """Send at one rate to the processes of the checkout `tree`."""
    run = Run(rate)
    with scratch() as folder, embedded.start(folder / "data") as server:
        port = free_port()
        env = environment(server.url, PORT=str(port), PYTHONPATH=str(tree))
        client = redis.Redis.from_url(server.url)
        (folder / "worker").mkdir()
        web = running(["-m", "cli", "web"], env, folder)
        worker = running(["-m", "cli", "worker", "drain"], env, folder / "worker")
        with client, web as process, worker:
            wait(port, process)
            send(run, port, seconds, client)
            await_applied(run, client)
    return run


def send(
    run: Run,
    port: int,
    seconds: float,
    client: redis.Redis,
    *,
    every: float = POLL_SECONDS,
    looked: Callable[[], None] | None = None,
) -> None:
    """Send at the rate, each connection its share; catch up on late ones where possible."""
    numbers = count()
    knock(port, next(events.requests(range(10**9, 10**9 + 1), port)))
    began, faults = time.perf_counter(), []
    lock = threading.Lock()

    def connection() -> None:
        held = Connection(port)
        try:
            while (number := _next(numbers, lock)) / run.rate < seconds:
                due = began + number / run.rate
                if time.perf_counter() > began + seconds:
                    return
                time.sleep(max(0.0, due - time.perf_counter()))
                held.send(next(events.requests(range(number, number + 1), port)))
                while not held.is_answered():
                    pass
                with lock:
                    run.acknowledged += 1
        except (Refused, OSError) as error:
            faults.append(str(error))

    threads = [threading.Thread(target=connection) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(every) if threads[0].is_alive() else time.sleep(0.1)
        run.looks.append(replace(look(client), at=time.perf_counter() - began))
        if looked is not None:
            looked()
    run.seconds = time.perf_counter() - began
    if faults:
        raise DidNotWork(faults[0])


def _next(numbers: Iterator[int], lock: threading.Lock) -> int:
    with lock:
        return next(numbers)


def look(client: redis.Redis) -> Look:
    """Count what the server holds."""
    markers = of_rq = total = 0
    for key in client.scan_iter(count=10_000):
        total += 1
        of_rq += key.startswith(b"rq:")
        markers += key.startswith(keys.SEEN.encode())
    lanes = client.scan_iter(match=keys.LANE + "*", count=10_000, _type="stream")
    return Look(
        waiting=int(client.llen(QUEUE)),
        of_rq=of_rq,
        others=total - of_rq - markers,
        markers=markers,
        messages=sum(client.xlen(lane) for lane in lanes),
        events=client.xlen(keys.LOG),
        megabytes=client.info("memory")["used_memory"] / 2**20,
    )


def await_applied(run: Run, client: redis.Redis) -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < TIMEOUT:
        if not client.zcard(keys.WAITING):
            run.applied_after = time.perf_counter() - began
            return
        time.sleep(0.05)


def write(runs: dict[str, list[Run]], seconds: float, load: float) -> None:
    """Write the results as Markdown."""
    facts = ", ".join(f"{name} {value}" for name, value in machine("Valkey").items())
    quarters = ("1/4", "1/2", "3/4", "end")
    head = ["", "offered/s", "taken/s", *(f"hints waiting at {part}" for part in quarters)]
    head += ["RQ's keys, most", "RQ's keys, end", "other keys, end", "MB a 1,000 webhooks"]
    head += ["all applied after"]
    lines = [
        "# Measured: what hints leave in the server",
        "",
        f"Machine: {facts}. Sender, web process, one drain worker and server share the cores; load"
        f" average {load:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended.",
        "",
        f"Each rate was offered for {seconds:g} seconds over {CONNECTIONS} connections, webhooks of"
        f" {events.COMPANIES:,} companies, to a fresh store with every write on disk"
        " (`appendfsync always`). Other keys are all but RQ's and the markers of events, one for"
        " each webhook, which go after `RELAY_DEDUPE_DAYS`. No scheduler ran, so no missed"
        " hint was replaced.",
        "",
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
    ]
    lines += [f"| {' | '.join(_row(name, run))} |" for name, all_ in runs.items() for run in all_]
    lines += [
        "",
        "One script (`hint.lua`) puts a hint into a queue only while fewer wait there than workers"
        " listen, 64 at most; `test_queues.py` holds that bound with no worker at all. How"
        " the server and the processes fare over longer times stands in [flat.md](flat.md).",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "hints.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, run: Run) -> list[str]:
    at = [run.looks[max(0, len(run.looks) * part // 4 - 1)] for part in (1, 2, 3, 4)]
    grown = run.looks[-1].megabytes - run.looks[0].megabytes
    after = "not within a minute" if run.applied_after is None else f"{run.applied_after:.1f} s"
    return [
        name,
        f"{run.rate:,}",
        f"{run.acknowledged / run.seconds:,.0f}",
        *(f"{look.waiting:,}" for look in at),
        f"{max(look.of_rq for look in run.looks):,}",
        f"{run.looks[-1].of_rq:,}",
        f"{run.looks[-1].others:,}",
        f"{grown / max(1, run.acknowledged) * 1000:.2f}",
        after,
    ]


if __name__ == "__main__":
    main()
