"""Measure: `python -m bench [ingest] [drain]`; ends with 1 when a goal is not met."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

import click
import redis
from rich.console import Console
from rich.progress import Progress

from bench import drain, ingest, report
from bench.processes import DidNotWork, scratch
from bench.report import Part, Report, Way
from cli.faults import CannotStart
from cli.runner import embedded

PARTS = ("ingest", "drain")
FSYNCS = ("always", "everysec")
T = TypeVar("T")
INGEST_GOAL = 2.0  # times the naive app, both with every write on disk
DRAIN_GOAL = 100.0  # times the worker that `rq worker` starts
EVERYSEC = (
    "Not the same promise: with everysec ours waits for the disk before it answers (WAITAOF),"
    " the naive way answers at once and can lose what it acknowledged."
)
MAX_ROUNDS_FACTOR = 2  # times the rounds asked for, while a ratio spreads widely


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--seconds", default=4.0, show_default=True, type=click.FloatRange(0.5, 60))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--name", default="latest", show_default=True, help="Name of the files written.")
def main(parts: tuple[str, ...], seconds: float, rounds: int, as_json: bool, name: str) -> None:
    """Measure ours beside the naive way and write bench/results/<name>.md and .json.

    --seconds is the length of each load. More rounds than asked for are run, up to twice as many,
    while the ratio of ours to the naive way spreads widely.
    """
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that our processes are ended
    try:
        with Progress(console=console) as progress:
            done = _measure(parts or PARTS, seconds, rounds, progress)
    except (DidNotWork, CannotStart) as error:
        sys.exit(f"bench: {error}")
    report.write(done, name)
    if as_json:
        print(json.dumps(report.as_json(done), indent=2))
    else:
        report.show(done, Console())
    sys.exit(0 if done.is_met() else 1)


def _measure(parts: tuple[str, ...], seconds: float, rounds: int, progress: Progress) -> Report:
    measured: list[Part] = []
    remarks = [f"Load average when it began: {os.getloadavg()[0]:.1f}."]
    if "ingest" in parts:
        measured += _ingest(seconds, rounds, progress, remarks)
    if "drain" in parts:
        measured += _drain(rounds, progress)
    remarks.append(f"Load average when it ended: {os.getloadavg()[0]:.1f}.")
    return Report(report.machine(_server()), measured, remarks)


def _ingest(seconds: float, rounds: int, progress: Progress, remarks: list[str]) -> list[Part]:
    title = "Webhooks acknowledged, 16 connections, appendfsync {}"
    names = [contender.name for contender in ingest.CONTENDERS]
    parts = {
        fsync: _part(title.format(fsync), "webhooks/s", names, ingest.NAIVE.name)
        for fsync in FSYNCS
    }
    parts["always"].goal = INGEST_GOAL
    parts["everysec"].note = EVERYSEC
    shares, ceilings = [], []

    def one_round(number: int) -> None:
        ceilings.append(ingest.measure(ingest.BARE, seconds, "always").per_second)
        for fsync, part in parts.items():
            for contender in _rotated(ingest.CONTENDERS, number):
                cell = ingest.measure(contender, seconds, fsync)
                way = part.ways[contender.name]
                way.per_second.append(cell.per_second)
                way.p50_ms.append(cell.p50_ms)
                way.p99_ms.append(cell.p99_ms)
                shares.append(cell.generator_share)

    _rounds("ingest", rounds, parts["always"], one_round, progress)
    always = parts["always"]
    ours = median(always.ways[ingest.OURS.name].per_second)
    same_server = median(always.ratios("ours", ingest.NAIVE_ON_GRANIAN.name))
    always.note = f"Against the naive app on the same server as ours: {same_server:.1f} x."
    remarks += [
        f"Load generator against a bare WSGI app: {median(ceilings):,.0f}/s,"
        f" {median(ceilings) / ours:.0f} times what ours takes; it used"
        f" {max(shares):.0%} of a core at most while measuring.",
        f"Ours and the naive app on granian: 1 process, {ingest.OUR_THREADS} threads;"
        f" gunicorn: 1 process, gthread, {ingest.NAIVE_THREADS} threads.",
        "Every acknowledged webhook was counted in the store after each load.",
    ]
    return list(parts.values())


def _drain(rounds: int, progress: Progress) -> list[Part]:
    with scratch() as full_folder:
        task = progress.add_task("drain: fill a store", total=None)
        full = drain.fill(full_folder)
        progress.remove_task(task)
        ways = drain.workers(full)
        title = "Webhooks applied by one worker, appendfsync {}"
        names = [way.name for way in ways]
        parts = {
            fsync: _part(title.format(fsync), "events/s", names, drain.RQ_DEFAULT, DRAIN_GOAL)
            for fsync in FSYNCS
        }

        def one_round(number: int) -> None:
            for fsync, part in parts.items():
                for way in _rotated(ways, number):
                    with scratch() as folder:
                        part.ways[way.name].per_second.append(way.measure(folder, fsync))

        _rounds("drain", rounds, parts["always"], one_round, progress)
    parts["always"].note = (
        f"Ours: {drain.MESSAGES:,} webhooks of 1,000 companies; states, log and cursors checked"
        f" afterwards. Stock RQ: {drain.FORK_JOBS:,} and {drain.SIMPLE_JOBS:,} jobs, one hash"
        " written by each."
    )
    return list(parts.values())


def _rounds(
    name: str, rounds: int, part: Part, one_round: Callable[[int], None], progress: Progress
) -> None:
    task = progress.add_task(f"{name}: rounds", total=rounds)
    number = 0
    while number < rounds or (number < rounds * MAX_ROUNDS_FACTOR and part.is_wide()):
        one_round(number)
        number += 1
        progress.update(task, completed=number, total=max(rounds, number))


def _rotated(ways: tuple[T, ...], number: int) -> tuple[T, ...]:
    """Return the ways in another order each round, so that none always goes first."""
    start = number % len(ways)
    return (*ways[start:], *ways[:start])


def _part(
    title: str, unit: str, names: list[str], baseline: str, goal: float | None = None
) -> Part:
    return Part(title, unit, baseline, {name: Way() for name in names}, goal)


def _server() -> str:
    with (
        scratch() as folder,
        embedded.start(Path(folder) / "data") as server,
        redis.Redis.from_url(server.url) as client,
    ):
        info = client.info("server")
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"


if __name__ == "__main__":
    main()
