"""Webhooks applied per second from a full store: by our drain worker, and by one RQ job each."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import redis
from rq import Queue

from bench import events, naive
from bench.processes import DidNotWork, Process, environment, running
from cli.runner import embedded
from codat.webhook import parse
from relay.inbox.message import webhook_fields
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from workers.inbox.drain import BATCH

RQ_DEFAULT = "RQ Worker (default)"
MESSAGES = 50_000
FORK_JOBS = 300
SIMPLE_JOBS = 800
TIMEOUT = 120.0  # seconds for one cell
POLL_SECONDS = 0.005
FILL_THREADS = 8
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Worker:
    """One way to drain a full store.

    `measure` takes an empty folder and the server's fsync mode, and returns events per second.
    """

    name: str
    measure: Callable[[Path, str], float]


# --- ours


def fill(folder: Path) -> Path:
    """Make the data directory of a store that received all messages and applied none."""
    data = folder / "full"
    with embedded.start(data) as server, _store(server.url) as store:
        hints = Hints(store.client)
        # The fsyncs of several writers are shared; a company's messages stay with one, in order.
        with ThreadPoolExecutor(FILL_THREADS) as pool:
            list(pool.map(lambda part: _ingest(store, hints, part), range(FILL_THREADS)))
    return data


def _ingest(store: Store, hints: Hints, part: int) -> None:
    for number in range(MESSAGES):
        if number % events.COMPANIES % FILL_THREADS != part:
            continue
        body = events.body(number)
        event = parse(body)
        fields = webhook_fields(
            source="default",
            message_id=events.message_id(number),
            event_type=event.type,
            company_id=event.company_id,
            body=body,
        )
        stored = store.inbox.ingest(event.id or "", event.company_id, fields)
        if stored.wake:
            hints.drain(stored.lane)


def measure_ours(full: Path, folder: Path, fsync: str) -> float:
    """Let one worker, as production starts it, apply a copy of the full store; check all of it."""
    data = folder / "data"
    shutil.copytree(full, data, ignore=shutil.ignore_patterns("*.sock", "lock", "address"))
    with embedded.start(data) as server, _store(server.url) as store:
        store.client.config_set("appendfsync", fsync)
        if store.inbox.depths()["accepted"] != MESSAGES:
            raise DidNotWork("the full store is not full")
        env = environment(server.url)
        with running(["-m", "cli", "worker", "drain"], env, folder) as process:
            began = _wait(lambda: store.events.last() > 0, process)
            ended = _wait(lambda: store.inbox.depths()["lanes_waiting"] == 0, process)
        check(store)
    return (MESSAGES - BATCH) / (ended - began)  # the clock began when the first batch was in


def _wait(is_so: Callable[[], bool], process: Process) -> float:
    """Return the moment at which `is_so` became true; raises DidNotWork."""
    deadline = time.monotonic() + TIMEOUT
    while not is_so():
        if time.monotonic() > deadline or process.poll() is not None:
            raise DidNotWork("the worker ended or took too long")
        time.sleep(POLL_SECONDS)
    return time.perf_counter()


def check(store: Store) -> None:
    """Raise DidNotWork unless every message is in the log, and every company in its last state."""
    causes: set[str] = set()
    cursor = 0
    while page := store.events.read(cursor, PAGE).events:
        if [event.sequence for event in page] != list(range(cursor + 1, cursor + 1 + len(page))):
            raise DidNotWork("the log has a gap")
        causes.update(orjson.loads(event.json)["cause"] for event in page)
        cursor = page[-1].sequence
    if causes != {events.message_id(number) for number in range(MESSAGES)}:
        raise DidNotWork(f"the log holds {len(causes)} messages of {MESSAGES}")
    if cursor != store.events.last():
        raise DidNotWork("the log is shorter than its last number says")
    last_turn = MESSAGES // events.COMPANIES - 1
    linked_turn = last_turn - last_turn % events.TURNS_PER_LINK
    wanted = events.status_after(linked_turn)
    companies = list(store.companies.all())
    right = [c for c in companies if [x.status for x in c.connections.values()] == [wanted]]
    if len(right) != events.COMPANIES or store.inbox.depths()["dead_letters"]:
        raise DidNotWork(f"{len(right)} of {len(companies)} companies are as they should be")


@contextmanager
def _store(url: str) -> Iterator[Store]:
    store = Store.open(Settings.from_env({"REDIS_URL": url}, env_file=None))
    with store.client:
        yield store


# --- stock RQ


def measure_rq(worker_class: str, jobs: int, folder: Path, fsync: str) -> float:
    """Let `rq worker` run one job for each event; RQ's own times say how long it took."""
    with (
        embedded.start(folder / "data") as server,
        redis.Redis.from_url(server.url) as client,
    ):
        client.config_set("appendfsync", fsync)
        queue = Queue(naive.QUEUE, connection=client)
        queue.enqueue_many(
            Queue.prepare_data(naive.APPLY, (events.event(number),)) for number in range(jobs)
        )
        ids = queue.job_ids
        command = ["-m", "rq.cli", "worker", naive.QUEUE, "--url", server.url, "--burst"]
        command += ["--worker-class", worker_class]
        with running(command, environment(server.url), folder) as process:
            process.wait(TIMEOUT)
        done = [job for job in queue.job_class.fetch_many(ids, client) if job and job.is_finished]
        companies = sum(1 for _ in client.scan_iter("company:*", count=1000))
    if len(done) != jobs or companies != min(jobs, events.COMPANIES):
        raise DidNotWork(f"{worker_class}: {len(done)} of {jobs} jobs were done")
    began = min(job.started_at for job in done if job.started_at)
    ended = max(job.ended_at for job in done if job.ended_at)
    return jobs / (ended - began).total_seconds()


def workers(full: Path) -> tuple[Worker, ...]:
    """Return the ways, ours on copies of the store `full`."""
    return (
        Worker("ours", partial(measure_ours, full)),
        Worker(RQ_DEFAULT, partial(measure_rq, "rq.worker.Worker", FORK_JOBS)),
        Worker("RQ SimpleWorker", partial(measure_rq, "rq.worker.SimpleWorker", SIMPLE_JOBS)),
    )
