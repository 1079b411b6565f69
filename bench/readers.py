"""The log read in three ways at once: `python -m bench.readers`; ends with 1 if any reader erred.

First everything from the beginning (events a second), then what comes from webhooks at a steady
rate (delay from the webhook's own time to each reader). Readers stop and resume at random:
subscribers answer 503, hang up, and are paused and resumed, and the process that delivers to them
is killed once in each phase. Settings are those of production, but for --roomy.
"""

import json
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import orjson
import requests

from bench import events
from bench.processes import ROOT, Process, environment, free_port, running, scratch, wait_for_port
from cli.runner import embedded
from cli.runner.sessions import kill_session
from codat import signature
from codat.signature import new_secret
from relay.delivery.subscription import Secret, Subscription
from relay.inbox.message import Action, action_fields
from relay.settings import Settings
from relay.store import Store
from relay.store.inbox.lanes import Batch, Event
from relay.times import Millis, iso_from_micros, now_micros, now_ms

TOKEN = "bench-bench-bench-bench"
COMMIT = 500
TIMEOUT = 600.0  # seconds for one phase
DISTURB_AFTER = 2.0  # seconds into a phase
ROOM_FOR_POLLS = 2  # WEB_THREADS for each cursor reader: half of the threads may wait
TYPES = ("sync.completed", "data.changed", "connection.status_changed")
DATA = orjson.dumps({"connection_id": "c", "data_type": "invoices", "status": "Complete"})
WAYS = ("cursor", "stream", "subscription")


@click.command()
@click.option("--events", "count", default=20_000, show_default=True, type=click.IntRange(1000))
@click.option("--readers", default=50, show_default=True, type=click.IntRange(1, 60))
@click.option("--webhooks", default=400, show_default=True, type=click.IntRange(1))
@click.option("--rate", default=20.0, show_default=True, help="Webhooks a second.")
@click.option("--roomy", is_flag=True, help="Threads for all cursor readers to wait at once.")
@click.option("--name", default="readers", show_default=True, help="Name of the files written.")
def main(*, count: int, readers: int, webhooks: int, rate: float, roomy: bool, name: str) -> None:
    """Measure, and write bench/results/<name>.json and .md."""
    found = measure(count, readers, webhooks, rate, roomy)
    results = Path(__file__).parent / "results"
    (results / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    text = as_text(found)
    (results / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
    phases = (found["catching up"], found["as it comes"])
    good = all(
        not way["wrong"] and way["sequences"] == 1 and way["same as the log"]
        for phase in phases
        for way in phase.values()
    )
    sys.exit(0 if good else 1)


def measure(count: int, readers: int, webhooks: int, rate: float, roomy: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        server = stack.enter_context(embedded.start(folder / "data"))
        port, sink = free_port(), free_port()
        env = environment(
            server.url,
            HOST="127.0.0.1",
            PORT=str(port),
            RELAY_STREAMS_PER_TOKEN="64",  # one token has all the streams here
            RELAY_TOKENS=f"bench:operate:{TOKEN}",
            RELAY_PRIVATE_NETWORKS="127.0.0.0/8",
            RELAY_LOG_LEVEL="error",
        )
        if roomy:
            env["WEB_THREADS"] = str(ROOM_FOR_POLLS * readers + 16)
        store = Store.open(Settings.from_env(env, env_file=None))
        fill(store, count)
        processes: dict[str, Process] = {}
        # What a thread has started ends with that thread, so one that lasts does the starting.
        starter = stack.enter_context(ThreadPoolExecutor(1))

        def begin(name: str, *command: str) -> None:
            (folder / name).mkdir(exist_ok=True)
            processes[name] = stack.enter_context(
                running(["-m", "cli", *command], env, folder / name)
            )

        def disturb(made: list[Subscription]) -> None:
            """Pause and resume half of the subscribers, and kill who delivers to them."""
            for one in made[::2]:
                store.subscriptions.put(one, over=one, state="paused")
            kill_session(processes["deliver"].pid)
            processes["deliver"].wait()
            starter.submit(begin, "deliver", "worker", "deliver").result()
            for one in made[::2]:
                store.subscriptions.put(one, over=one, state="active")

        begin("web", "web")
        begin("drain", "worker", "drain")
        begin("deliver", "worker", "deliver")
        begin("scheduler", "scheduler")
        wait_for_port(port, processes["web"])
        url = f"http://127.0.0.1:{port}"
        while not requests.get(f"{url}/readyz", timeout=30).ok:
            time.sleep(0.1)
        first = read(store, url, sink, readers, after=0, target=count, timed=False, disturb=disturb)
        target = count + 2 * webhooks  # each logs a new company and its first read
        second = read(
            store, url, sink, readers, after=count, target=target, timed=True, disturb=disturb,
            meanwhile=lambda: post(url, webhooks, rate),
        )  # fmt: skip
        memory = {name: _rss(process.pid) for name, process in processes.items()}
    return {
        "events": count,
        "readers": readers,
        "catching up": first,
        "as it comes": second,
        "webhooks a second": rate,
        "web threads": int(env.get("WEB_THREADS", Settings.model_fields["web_threads"].default)),
        "megabytes": memory,
    }


def fill(store: Store, count: int) -> None:
    """Log so many events in commits of a drain's size."""
    for start in range(0, count, COMMIT):
        key = f"bench-{start}"
        action = Action(key, "bench", events.company_id(start), now_micros(), {})
        stored = store.inbox.ingest(key, action.company_id, action_fields(action))
        lease = store.inbox.claim(stored.lane, Millis(60_000))
        assert lease is not None
        batch = Batch(
            events=[
                Event(
                    TYPES[n % len(TYPES)],
                    f"/codat/default/companies/{events.company_id(n)}",
                    events.company_id(n),
                    now_micros(),
                    events.message_id(n),
                    DATA,
                )
                for n in range(start, min(start + COMMIT, count))
            ]
        )
        *_, last = store.inbox.read(lease, lease.cursor, 1000)
        assert store.inbox.commit(
            lease, lease.cursor, last, batch, now=now_ms(), lease_ms=Millis(60_000)
        )
        store.inbox.release(lease)


def read(
    store: Store, url: str, sink: int, readers: int, *, after: int, target: int, timed: bool,
    disturb: Callable[[list[Subscription]], None], meanwhile: Callable[[], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Let all read from `after` to `target`, and hold what they saw against the log."""
    where = {"cursor": url, "stream": url, "sink": str(sink)}
    roles = {
        role: subprocess.Popen(
            [sys.executable, "-m", "bench.reader_roles", role, address, TOKEN, str(readers),
             str(after), str(target), str(int(timed))],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for role, address in where.items()
    }  # fmt: skip
    try:
        time.sleep(1.0)  # the sink listens
        made = subscribe(store, sink, readers, after, int(timed))
        disturbing = threading.Timer(DISTURB_AFTER, disturb, [made])
        disturbing.start()
        if meanwhile:
            meanwhile()
        disturbing.join()
        found = {}
        for way, (role, process) in zip(WAYS, roles.items(), strict=True):
            said, _ = process.communicate(timeout=TIMEOUT)
            found[way] = json.loads(said)
            print(role, said, file=sys.stderr)
        for one in made:
            store.subscriptions.remove(one)
    finally:
        for process in roles.values():
            process.kill()
    check = 0
    for event in store.events.read(after, target - after).events:
        check = zlib.crc32(f"{event.sequence} {event.type}\n".encode(), check)
    for way in found.values():
        way["same as the log"] = way.pop("check") == check
        way["events a second"] = round(readers * (target - after) / way["seconds"])
    return found


def subscribe(store: Store, sink: int, count: int, after: int, run: int) -> list[Subscription]:
    made = []
    for n in range(count):
        one = Subscription(
            f"sub_{run}{n:03d}", f"http://127.0.0.1:{sink}/r{n}", (Secret(new_secret()),),
            now_ms(), batch=500,
        )  # fmt: skip
        assert store.subscriptions.put(one, over=None, cursor=after, state="active")[0]
        made.append(one)
    return made


def post(url: str, count: int, rate: float) -> None:
    """Post webhooks at a steady rate, each dated now and about a company of its own."""
    session = requests.Session()
    begun = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, begun + n / rate - time.monotonic()))
        company = f"00000000-beec-4000-8000-{n:012d}"
        reads = [{"connectionId": "c", "dataType": "bills", "status": "Complete"}]
        made = {
            "id": f"live-{n}",
            "eventType": "read.completed",
            "generatedDate": iso_from_micros(now_micros()),
            "payload": {
                "referenceCompany": {"id": company, "name": f"New {n}"},
                "dataTypes": reads,
            },
        }
        body = orjson.dumps(made)
        headers = signature.headers(events.SECRET, f"msg_live_{n}", int(time.time()), body)
        headers["Content-Type"] = "application/json"
        session.post(url + events.PATH, data=body, headers=headers, timeout=30).raise_for_status()


def as_text(found: dict[str, Any]) -> str:
    lines = [
        f"# {found['events']:,} events, {found['readers']} readers of each way at once",
        "",
        "| way | catching up: events/s | seconds | stops | told 503 | again |"
        " answered early | as it comes: p50 ms | p99 ms | all saw the log |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for way in WAYS:
        first, live = found["catching up"][way], found["as it comes"][way]
        same = all(x["same as the log"] and x["sequences"] == 1 for x in (first, live))
        lines.append(
            f"| {way} | {first['events a second']:,} | {first['seconds']} | {first['stops']} |"
            f" {first['refused'] + live['refused']} | {first['again'] + live['again']} |"
            f" {first['early'] + live['early']} | {live['p50_ms']} |"
            f" {live['p99_ms']} | {'yes' if same else 'NO'} |"
        )
    lines += [
        "",
        f"Webhooks a second while measuring delay: {found['webhooks a second']}. Web threads:"
        f" {found['web threads']}, of which half may wait: a cursor reader that finds none is"
        " answered early, and comes back after two seconds. In each phase half of the subscribers"
        " were paused and resumed, and the process that delivers was killed once.",
    ]
    lines.append(f"Resident memory afterwards, MB: {found['megabytes']}.")
    return "\n".join(lines) + "\n"


def _rss(pid: int) -> int:
    """Return the memory of a process and its children, in MB."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    known = {pid}
    for _ in range(4):
        known |= {child for child, parent, _ in rows if parent in known}
    return sum(rss for child, _, rss in rows if child in known) // 1024


if __name__ == "__main__":
    main()
