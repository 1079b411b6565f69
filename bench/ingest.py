"""Webhooks acknowledged per second, and the wait for an answer: ours and the naive way."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from bench import naive
from bench.load import WARM_UP, Measured
from bench.processes import (
    ROOT,
    DidNotWork,
    environment,
    free_port,
    running,
    scratch,
    wait_for_port,
)
from cli.runner import embedded
from relay.settings import Settings
from relay.store import Store

MAX_PER_SECOND = 12_000  # messages prepared for each second of load
MAX_PER_SECOND_BARE = 40_000
NAIVE_THREADS = 4  # of gunicorn's gthread worker, as its documentation shows it
OUR_THREADS = Settings.model_fields["web_threads"].default

Held = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to serve: what to run for a port, and how many messages its store then holds."""

    name: str
    command: Callable[[int], list[str]]
    held: Held


def held_by_us(url: str) -> int:
    store = Store.open(Settings.from_env({"REDIS_URL": url}, env_file=None))
    with store.client as client:
        accepted = store.inbox.depths()["accepted"]
        in_lanes = sum(client.xlen(key) for key in client.scan_iter("*:lane:*"))
    if accepted != in_lanes:
        raise DidNotWork(f"{accepted} accepted, but {in_lanes} in the lanes")
    return accepted


def held_by_naive(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.llen(f"rq:queue:{naive.QUEUE}"))


def _granian(target: str, port: int, threads: int, *more: str) -> list[str]:
    options = f"--interface wsgi --host 127.0.0.1 --port {port} --http 1 --no-ws --workers 1"
    quiet = f"--blocking-threads {threads} --log-level warning"
    return ["-m", "granian", *options.split(), *quiet.split(), *more, target]


def _gunicorn(port: int) -> list[str]:
    options = f"--bind 127.0.0.1:{port} --workers 1 --worker-class gthread --threads"
    return ["-m", "gunicorn", *options.split(), str(NAIVE_THREADS), "bench.naive:create_app()"]


OURS = Contender("ours", lambda _port: ["-m", "cli", "web"], held_by_us)
NAIVE = Contender("naive (gunicorn)", _gunicorn, held_by_naive)
NAIVE_ON_GRANIAN = Contender(
    "naive (granian)",
    lambda port: _granian("bench.naive:create_app", port, OUR_THREADS, "--factory"),
    held_by_naive,
)
BARE = Contender(
    "ceiling (bare app)",
    lambda port: _granian("bench.bare:app", port, OUR_THREADS),
    lambda _url: -1,
)
CONTENDERS = (OURS, NAIVE, NAIVE_ON_GRANIAN)


def measure(contender: Contender, seconds: float, fsync: str) -> Measured:
    """One cell: a fresh store, a fresh server, one load; every acknowledged message is counted."""
    with scratch() as folder, embedded.start(folder / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("appendfsync", fsync)
        port = free_port()
        env = environment(server.url, HOST="127.0.0.1", PORT=str(port))
        with running(contender.command(port), env, folder) as process:
            wait_for_port(port, process)
            measured = _load(port, seconds, contender, folder)
        held = contender.held(server.url)
        if held not in (-1, measured.acknowledged):
            raise DidNotWork(
                f"{contender.name}: {measured.acknowledged} acknowledged, {held} in the store"
            )
        return measured


def _load(port: int, seconds: float, contender: Contender, folder: Path) -> Measured:
    most = MAX_PER_SECOND_BARE if contender is BARE else MAX_PER_SECOND
    messages = int((seconds + WARM_UP) * most)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(port), str(seconds), str(messages)],
        env=environment(""),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    if done.returncode:
        said = "\n".join((folder / "output").read_text(errors="replace").splitlines()[-12:])
        raise DidNotWork(f"{contender.name}: {done.stderr.strip()}\n{said}")
    return Measured(**json.loads(done.stdout))
