"""Measure that what the server holds stays flat: `python -m bench.flat`, at rates that rise.

Webhooks are sent at a steady rate for several times as long as everything is kept. So that this
takes minutes and not months, a day lasts seconds for what is kept for days (`short_days`). Web
process, drain worker and scheduler are the real ones.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import click
import redis
from rich.console import Console

from bench.events import COMPANIES
from bench.hints import CONNECTIONS, RATES, Run, await_applied, send
from bench.processes import DidNotWork, Process, environment, free_port, running, scratch
from bench.processes import wait_for_port as wait
from bench.report import RESULTS, machine
from cli.runner import embedded
from relay.store import keys

KEPT_DAYS = 30  # of messages, events and markers: what the settings have when none is set
LOOKS = 12  # in a run
PROCESSES = ("web", "worker", "scheduler")


@dataclass(slots=True)
class Flat:
    """One rate: the load, and the memory of each process in MB after each look."""

    run: Run
    resident: list[dict[str, float]] = field(default_factory=list)


@click.command()
@click.option("--seconds", default=900.0, show_default=True, help="How long each rate lasts.")
@click.option("--day", default=10.0, show_default=True, help="How long a day of keeping lasts.")
@click.option("--rate", "rates", multiple=True, type=int, help="Of these rates alone.")
def main(seconds: float, day: float, rates: tuple[int, ...]) -> None:
    """Send webhooks at each rate and write bench/results/flat.md."""
    console, load = Console(stderr=True), os.getloadavg()[0]
    done = []
    try:
        for rate in rates or RATES:
            console.print(f"{rate} a second for {seconds:g} s")
            done.append(measure(rate, seconds, day))
            write(done, seconds, day, load)
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
    console.print((RESULTS / "flat.md").read_text(encoding="utf-8"), markup=False)


def measure(rate: int, seconds: float, day: float) -> Flat:
    """Send at one rate; raises DidNotWork."""
    flat = Flat(Run(rate))
    with scratch() as folder, embedded.start(folder / "data") as server:
        port = free_port()
        more = {"PORT": str(port), "BENCH_DAY_SECONDS": str(day)}
        env, short = environment(server.url, **more), ["-m", "bench.short_days"]
        for name in PROCESSES:
            (folder / name).mkdir()

        with (
            redis.Redis.from_url(server.url) as client,
            running([*short, "web"], env, folder / "web") as web,
            running([*short, "worker", "drain"], env, folder / "worker") as worker,
            running([*short, "scheduler"], env, folder / "scheduler") as scheduler,
        ):
            wait(port, web)
            processes = dict(zip(PROCESSES, (web, worker, scheduler), strict=True))

            def looked() -> None:
                flat.resident.append({name: _resident(one) for name, one in processes.items()})

            send(flat.run, port, seconds, client, every=seconds / LOOKS, looked=looked)
            await_applied(flat.run, client)
            _check_short(client, day)
    return flat


def _check_short(client: redis.Redis, day: float) -> None:
    """Raise DidNotWork if the processes kept things for real days."""
    marker = next(client.scan_iter(match=keys.SEEN + "*", count=1000), None)
    if marker is not None and client.pttl(marker) > KEPT_DAYS * day * 1000:
        raise DidNotWork("a marker is kept for real days")


def _resident(process: Process) -> float:
    """Return the memory of a process and its children, in MB."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(status.read_text().rpartition(")")[2].split()[3])
            pages = int((status.parent / "statm").read_text().split()[1])
        except OSError:  # it ended meanwhile
            continue
        total += pages if session == process.pid else 0
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def write(done: list[Flat], seconds: float, day: float, load: float) -> None:
    """Write the results as Markdown."""
    kept = KEPT_DAYS * day
    facts = ", ".join(f"{name} {value}" for name, value in machine("Valkey").items())
    head = ["offered/s", "taken/s", "after", "hints", "RQ's keys", "other keys", "markers"]
    head += ["messages kept", "events kept", "server MB", *(f"{name} MB" for name in PROCESSES)]
    lines = [
        "# Measured: what the server holds stays flat",
        "",
        f"Machine: {facts}. Sender, web process, one drain worker, scheduler and server share the"
        f" cores; load average {load:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended.",
        "",
        f"Each rate was offered for {seconds:g} seconds over {CONNECTIONS} connections, webhooks of"
        f" {COMPANIES:,} companies, to a fresh store with every write on disk"
        f" (`appendfsync always`). Everything was kept for {KEPT_DAYS} days, as it is by default,"
        f" and a day lasted {day:g} seconds (`bench/short_days.py`): so each run is"
        f" {seconds / kept:g} times as long as anything is kept. Events go in steps of a minute, so"
        f" what is kept stops growing after {kept + 60:g} seconds. Memory of processes is that of"
        " all in their session, with pages they share counted in each.",
        "",
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
    ]
    for flat in done:
        lines += _rows(flat, seconds)
    (RESULTS / "flat.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(flat: Flat, seconds: float) -> list[str]:
    run, rows = flat.run, []
    for look, resident in zip(run.looks, flat.resident, strict=True):
        cells = [f"{run.rate:,}", f"{run.acknowledged / run.seconds:,.0f}", f"{look.at:,.0f} s"]
        cells += [f"{look.waiting:,}", f"{look.of_rq:,}", f"{look.others:,}", f"{look.markers:,}"]
        cells += [f"{look.messages:,}", f"{look.events:,}", f"{look.megabytes:,.0f}"]
        cells += [f"{resident[name]:,.0f}" for name in PROCESSES]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    main()
