"""Clocks that are wrong: a host's changes nothing and is told, the server's is mended after."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from unittest.mock import Mock

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from cli import checkup
from codat import signature
from receiver.intake import Delivery
from relay import times
from relay.clocks import Comparison, Reading, host, wrong_clocks
from relay.companies.company import DataTypeState
from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.companies.packed import pack
from relay.store.intents.budget import Limits
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.cadence import next_run, run_before
from relay.syncs.schedule import ALL, Anchor, Cadence, Schedule
from relay.times import now_micros, now_ms
from scheduler import clock as clocks
from scheduler.clock import Clock, Every, set_back
from scheduler.mending import Mending
from support.folding import apply, payload, webhook
from support.parts import SECRET, SentHints, company_id, make_event, signed
from support.paths import PAYLOADS
from support.stored import put_schedule, stored_intent
from workers.inbox.drain import LEASE_MS

DAY_MS = 86_400_000
LEAP_MS = 400 * DAY_MS
ONE = company_id(1)
TEN_MINUTES, YEAR = 600, 366 * 86_400


@pytest.fixture
def host_is_off(monkeypatch):
    """Set this machine's clock off by so many seconds."""
    true, true_ns = time.time, time.time_ns

    def off(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: true_ns() + int(seconds * 10**9))

    return off


def server_ms(store) -> int:
    seconds, micros = store.client.time()
    return seconds * 1000 + micros // 1000


# --- a host's clock


@pytest.mark.parametrize("seconds", [TEN_MINUTES, -TEN_MINUTES, 400 * 86_400, -400 * 86_400])
def test_what_a_drain_leaves_is_due_by_the_servers_clock(bench, host_is_off, seconds):
    host_is_off(seconds)
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    assert bench.store.inbox.depths()["accepted"] == 1
    bench.drain()
    now = server_ms(bench.store)
    for name in ("info", "track", "cadence"):
        held = stored_intent(bench.store, f"{name}:{ONE}")
        sets = [f"{keys.INTENTS_DUE}{int(priority)}" for priority in Priority]
        found = [bench.store.client.zscore(one, f"{name}:{ONE}") for one in sets]
        [due] = [at for at in found if at is not None]
        assert now - 60_000 < int(held["created"]) <= now
        assert now - 60_000 < due < now + 6 * 3_600_000


@pytest.mark.parametrize("seconds", [3600, -3600, YEAR, -YEAR])
def test_our_time_is_the_servers_whatever_the_host_says(store, host_is_off, seconds):
    store.time()
    host_is_off(seconds)
    assert abs(now_ms() - server_ms(store)) < 1000
    assert abs(now_micros() // 1000 - server_ms(store)) < 1000
    assert abs(times.host_is_ahead() - seconds) < 1


def test_our_time_follows_the_servers_but_not_a_slow_reading():
    began = times.steady_ns()
    times.follow(1_000_000.0, began)
    assert 1_000_000_000 <= now_ms() < 1_000_010_000
    times.follow(5_000_000.0, times.steady_ns() - 2 * 10**9)  # a frozen process read it
    assert 1_000_000_000 <= now_ms() < 1_000_010_000
    times.follow(5_000_000.0, times.steady_ns())
    assert 5_000_000_000 <= now_ms() < 5_000_010_000
    times.follow(5_000_000.01 + (now_ms() - 5_000_000_000) / 1000, times.steady_ns())
    assert now_ms() >= 5_000_000_000


def test_a_slow_answer_that_may_well_agree_moves_no_time():
    """Waits that Codat asked for would end a little too soon, or last a little too long."""
    times.forget_server()
    times.follow(1_000_000.0, times.steady_ns())
    before = times.steady_ns()
    times.follow(1_000_000.0, before - 800_000_000)  # it took 0.8 s: true at any time of those
    assert 0 <= now_ms() - 1_000_000_000 < 800 + (times.steady_ns() - before) // 1_000_000
    times.follow(1_000_002.0, times.steady_ns() - 800_000_000)  # it cannot agree with this
    assert now_ms() >= 1_000_002_000
    times.follow(1_000_002.0, times.steady_ns())  # nor is it as exact as this
    assert now_ms() < 1_000_002_300


def test_our_time_runs_on_steadily_between_readings(store):
    store.time()
    before = 0
    for _ in range(200):
        store.time()
        now = now_micros()
        assert now >= before
        before = now


@pytest.mark.parametrize("seconds", [3600, -3600, YEAR, -YEAR])
def test_a_web_host_that_is_off_refuses_nothing_genuine(bench, host_is_off, seconds):
    body = json.dumps(make_event("company.created")).encode()
    headers = signed(body)
    bench.store.time()
    host_is_off(seconds)
    assert bench.take(headers, body).status == 204


@pytest.mark.parametrize("seconds", [3600, -3600, YEAR])
def test_a_server_that_is_off_has_nothing_genuine_refused(bench, seconds):
    times.follow(time.time() + seconds, times.steady_ns())
    assert bench.deliver(make_event("company.created")).status == 204


def test_what_is_old_by_both_clocks_is_refused(bench):
    body = json.dumps(make_event("company.created")).encode()
    late = signature.headers(SECRET, "msg_1", int(time.time()) - 3600, body)
    bench.store.time()
    assert bench.intake.take(Delivery(late, "default"), body).status == 401


def test_each_process_logs_a_change_of_its_clocks_distance_once(bench):
    web, worker = Comparison("web"), Comparison("worker drain")
    for second, ahead in enumerate([0, 20, 3600, 3605, -10, 3600, -86400, -80000]):
        web.look(bench.store, bench.hints, Reading(1e6 + second, 1e6 + second + ahead, second))
    worker.look(bench.store, bench.hints, Reading(1e6, 1e6 + 40, 0))
    worker.look(bench.store, bench.hints, None)
    bench.drain()
    differed = [data for kind, data in bench.log() if kind == "clock.differed"]
    assert [data["seconds"] for data in differed if data["process"] == "web"] == [
        3600.0,
        3600.0,
        -86400.0,
        -80000.0,
    ]
    assert [data["seconds"] for data in differed if data["process"] == "worker drain"] == [40.0]
    assert {data["host"] for _, data in bench.log()} == {host()}


def test_what_could_not_be_logged_is_logged_the_next_time(bench, monkeypatch):
    web = Comparison("web")
    with monkeypatch.context() as patched:
        patched.setattr(bench.store.inbox, "ingest", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            web.look(bench.store, bench.hints, Reading(1e6, 1e6 + 40, 0))
    web.look(bench.store, bench.hints, Reading(1e6, 1e6 + 40, 1))
    bench.drain()
    assert bench.types() == ["clock.differed"]


def test_clocks_are_noted_and_forgotten_when_a_machine_is_silent(store):
    store.note_clock("web on a", 3600.5)
    store.note_clock("web on b", -0.2)
    assert store.clocks() == {"web on a": 3600.5, "web on b": -0.2}
    store.client.hset(keys.CLOCKS, "web on a", f"3600500 {server_ms(store) - 61_000}")
    assert store.clocks() == {"web on b": -0.2}
    store.note_clock("web on b", 0.0)
    assert store.client.hlen(keys.CLOCKS) == 1
    store.client.hset(keys.CLOCKS, "web on c", f"1 {server_ms(store) + LEAP_MS}")
    store.note_clock("web on b", 0.0)
    assert store.client.hlen(keys.CLOCKS) == 1


def test_a_clock_that_is_apart_is_said_in_words():
    assert wrong_clocks({"web on a": 10, "web on b": 3600.4, "scheduler on c": -60}) == [
        "clock: that of web on b is 3600 s ahead of the server's; one of them is wrong",
        "clock: that of scheduler on c is 60 s behind the server's; one of them is wrong",
    ]
    found = checkup.check_clocks({"web on b": 3600.4})
    assert found.verdict == checkup.UNSURE
    assert "web on b" in found.detail
    assert checkup.check_clocks({"web on b": 1.0}).verdict == checkup.OK


# --- the clock of a scheduler's host


@pytest.mark.parametrize(
    "leap", [timedelta(seconds=1.5), timedelta(days=400), timedelta(days=9000)]
)
def test_a_leap_of_the_schedulers_host_is_one_tick(leap):
    began = datetime(2026, 11, 30, tzinfo=UTC)
    job = Job(BackgroundScheduler(timezone=UTC), id="1", func=print, trigger=Every(seconds=1),
              args=(), kwargs={}, name="tick", next_run_time=began, misfire_grace_time=None,
              coalesce=True, max_instances=1, executor="default")  # fmt: skip
    now = began + leap
    assert len(job._get_run_times(now)) <= 2
    following = job.trigger.get_next_fire_time(began, now)
    assert now < following <= now + timedelta(seconds=1)


def test_ticks_that_are_not_late_keep_their_beat():
    trigger, began = Every(seconds=1), datetime(2026, 11, 30, tzinfo=UTC)
    late = began + timedelta(seconds=0.4)
    assert trigger.get_next_fire_time(began, late) == began + timedelta(seconds=1)


def test_a_host_that_is_set_back_ticks_on(bench):
    scheduler = clocks.make_scheduler(Clock(bench.settings, bench.store, SentHints()))
    scheduler.start = None  # not run: only its jobs are looked at
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime(2028, 1, 1, tzinfo=UTC))
    now = datetime.now(UTC)
    set_back(scheduler, now)
    assert {job.next_run_time for job in scheduler.get_jobs()} == {now}


# --- what the server's clock left behind


def far(store) -> int:
    return server_ms(store) + LEAP_MS


def leave_lease(store):
    put(store)
    store.client.hset(keys.LEASES, "0", f"somebody {far(store)}")


def put(store):
    action = Action("a-1", "relay.clock_jumped", "", now_micros(), {"seconds": 1.0})
    store.inbox.ingest(action.id, None, action_fields(action))


def leave_hint(store):
    put(store)
    store.client.zadd(keys.WAITING, {"0": far(store)})


def leave_intent(store, name="info", **more):
    need = NewIntent(f"{name}:{ONE}", ONE, Priority.NOW, now_ms(), "test")
    store.intents.put([need], now_ms())
    store.client.zadd(f"{keys.INTENTS_DUE}{int(Priority.NOW)}", {need.name: far(store)})
    if more:
        store.client.hset(keys.INTENT + need.name, mapping=more)


def claims(store):
    return [
        intent.name
        for intent in store.intents.claim(
            now=server_ms(store), lease_ms=1000, limit=10, priorities=tuple(Priority)
        )
    ]


def fill_minute(store):
    store.budget.limits = Limits(calls_per_minute=3)
    store.client.zadd(keys.CALLS, {f"c{n}": far(store) + n for n in range(5)})


def fill_company(store):
    for key in (keys.INFLIGHT + ONE, keys.UNDER_WAY):
        store.client.zadd(key, {f"c{n}": far(store) + n for n in range(20)})


def may_call(store):
    return store.budget.take("call", ONE, priority=1, now=server_ms(store)) is None


def budget_gone(store):
    mapping = {"limit": 1000, "remaining": 0, "reset": far(store), "learnt": far(store)}
    store.client.hset(keys.BUDGET, mapping=mapping)


def learns_again(store):
    now = server_ms(store)
    store.budget.ended("c", None, now=now, limit=500, remaining=400, reset=now + 3_600_000)
    return store.budget.state(now).remaining == 400


def leave_subscription(store):
    store.client.zadd(keys.DELIVERIES, {"sub": far(store)})


LEFT = {
    "a lane's lease": (leave_lease, lambda s: s.inbox.claim(0, LEASE_MS) is not None),
    "a lane's lease, swept": (leave_lease, lambda s: s.inbox.sweep(-1) == [0]),
    "a lane's last hint": (leave_hint, lambda s: s.inbox.sweep(-1) == [0]),
    "a retry": (leave_intent, lambda s: claims(s) == [f"info:{ONE}"]),
    "a claim of a worker that died": (
        lambda s: leave_intent(s, state="running", attempts=1),
        lambda s: claims(s) == [f"info:{ONE}"],
    ),
    "a wait that Codat asked for": (
        lambda s: leave_intent(s, not_before=far(s)),
        lambda s: claims(s) == [f"info:{ONE}"],
    ),
    "a hold": (lambda s: s.client.set(keys.HOLD, far(s)), may_call),
    "a minute's calls": (fill_minute, may_call),
    "a company's calls": (fill_company, may_call),
    "a day's budget": (budget_gone, may_call),
    "a day's budget, learnt anew": (budget_gone, learns_again),
    "a delivery": (
        leave_subscription,
        lambda s: s.client.zscore(keys.DELIVERIES, "sub") <= server_ms(s),
    ),
    "the flag of a hint to perform": (
        lambda s: s.client.set(keys.HINTED, "1", px=LEAP_MS),
        lambda s: s.intents.may_hint(),
    ),
    "the flag of a hint to replay": (
        lambda s: s.client.set(keys.REPLAY_HINTED, "1", px=LEAP_MS),
        lambda s: s.replays.may_hint(),
    ),
    "the flag of what was left lately": (
        lambda s: s.client.set(keys.LEFT + "x", "1", px=LEAP_MS),
        lambda s: s.intents.may_store("x", 1000),
    ),
    "the flag of a stream that is written anew": (
        lambda s: s.client.set(keys.ERASING, "trim", px=LEAP_MS),
        lambda s: not s.client.exists(keys.ERASING),
    ),
    "tries of codes": (
        lambda s: s.client.set(keys.CODE_TRIES, "5000", px=LEAP_MS),
        lambda s: not s.codes.are_locked(),
    ),
    "a session": (
        lambda s: s.client.set(
            keys.SESSION + "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "token", px=LEAP_MS),
        lambda s: s.sessions.get("abc") is None,
    ),
    "signs of life": (
        lambda s: s.client.hset(keys.HEARTBEATS, "web", far(s)),
        lambda s: s.heartbeats()["web"] <= server_ms(s),
    ),
    "a silence": (
        lambda s: s.client.hset(keys.SILENCES, "web", f"1 {far(s)}"),
        lambda s: s.silences() == {},
    ),
    "the last webhook": (
        lambda s: s.client.hset(keys.COUNTERS, "last_webhook", far(s)),
        lambda s: s.inbox.marks()["last_webhook"] <= server_ms(s),
    ),
    "what Codat said of its limits": (
        lambda s: s.client.hset(keys.META, "limits_said", far(s)),
        lambda s: int(s.client.hget(keys.META, "limits_said")) <= server_ms(s),
    ),
    "the log's last mark": (
        lambda s: s.client.hset(keys.META, "marked", far(s)),
        lambda s: int(s.client.hget(keys.META, "marked")) <= server_ms(s),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LEFT)
def test_what_ends_later_than_it_can_is_mended(store, what):
    leave, is_mended = LEFT[what]
    leave(store)
    Mending(store).look()
    assert is_mended(store)


@pytest.mark.parametrize(
    "what", ["a lane's lease", "a lane's lease, swept", "a hold", "a minute's calls",
             "a company's calls", "a day's budget", "a day's budget, learnt anew",
             "the flag of a hint to perform", "the flag of what was left lately", "a session"]
)  # fmt: skip
def test_what_a_clock_ahead_left_is_mended_on_first_contact(store, what):
    leave, is_mended = LEFT[what]
    leave(store)
    assert is_mended(store)


def test_what_may_well_end_then_is_left_alone(store):
    now = server_ms(store)
    put(store)
    lease = store.inbox.claim(0, LEASE_MS)
    leave_intent(store)
    due = f"{keys.INTENTS_DUE}{int(Priority.NOW)}"
    store.client.zadd(due, {f"info:{ONE}": now + DAY_MS})
    store.client.set(keys.HOLD, now + DAY_MS)
    store.client.zadd(keys.DELIVERIES, {"sub": now + DAY_MS})
    budget = {"limit": 1000, "remaining": 7, "reset": now + DAY_MS}
    store.client.hset(keys.BUDGET, mapping=budget)
    assert store.intents.may_hint()
    for _ in range(2):
        assert Mending(store).look() == 0
    assert store.inbox.claim(0, LEASE_MS) is None
    assert store.inbox.release(lease, unread=True)
    assert store.client.zscore(due, f"info:{ONE}") == now + DAY_MS
    assert store.client.zscore(keys.DELIVERIES, "sub") == now + DAY_MS
    assert store.budget.state(now).hold_until == now + DAY_MS
    assert not store.intents.may_hint()


def seen(store, ms: int) -> None:
    """Have the server's clock looked at, at another time than now."""
    store.client.hset(keys.META, "clock_seen", server_ms(store) + ms)


@pytest.mark.parametrize(
    ("here", "server", "verdict"),
    [
        (0, 0, checkup.OK),
        (3600, 0, checkup.UNSURE),  # webhooks are taken by the server's clock
        (-400 * 86_400, 0, checkup.UNSURE),
        (0, 3600, checkup.UNSURE),  # and by this machine's
        (3600, 3600, checkup.WRONG),
        (-3600, 3600, checkup.WRONG),
    ],
)
def test_the_doctor_says_webhooks_fail_only_if_both_clocks_are_off(
    here, server, verdict, monkeypatch, make_settings, host_is_off
):
    """Which clock counts: see `test_a_web_host_that_is_off_refuses_nothing_genuine`."""
    codats = Mock(headers={"Date": formatdate(time.time(), usegmt=True)})
    monkeypatch.setattr(checkup, "session_for", lambda _: Mock(head=lambda *_, **__: codats))
    ms = int(time.time() * 1000) + server * 1000
    monkeypatch.setattr(checkup, "now_ms", lambda: ms)
    host_is_off(here)
    found = checkup.check_clock(make_settings())
    assert found.verdict == verdict
    assert ("will be refused" in found.detail) == (verdict == checkup.WRONG)


@pytest.mark.parametrize("leap", [3_600_000, DAY_MS, LEAP_MS])
def test_a_clock_set_back_ends_our_waits_but_not_codats(store, leap):
    leave_intent(store)
    leave_intent(store, "name", not_before=1)
    due = f"{keys.INTENTS_DUE}{int(Priority.NOW)}"
    later = server_ms(store) + 3_600_000
    store.client.zadd(due, {f"info:{ONE}": later, f"name:{ONE}": later})
    Mending(store).look()
    assert claims(store) == []
    seen(store, leap)
    Mending(store).look()
    assert claims(store) == [f"info:{ONE}"]


HOURLY = Schedule(ONE, "invoices", Cadence.HOURLY)
DAILY = Schedule(ONE, "bills", Cadence.DAILY, Anchor(0, 6), spread=600)
MONTHLY = Schedule(ONE, "customers", Cadence.MONTHLY)


@pytest.mark.parametrize("leap_days", [2, 400, 4000])
def test_schedules_that_a_clock_took_along_run_again_when_it_is_back(store, leap_days):
    now = int(store.time())
    for schedule in (HOURLY, DAILY, MONTHLY):
        put_schedule(store, schedule, next_run(schedule, now).due, over=None)
    right = {one: next_run(one, now).due for one in (HOURLY, DAILY, MONTHLY)}
    then = now + leap_days * 86_400
    for one in store.schedules.due(then, 10):
        due = next_run(one.schedule, then).due
        store.client.zadd(keys.SCHEDULES_DUE, {one.member: due + 0.5})
        if run_before(one.schedule, due).period == next_run(one.schedule, now).period:
            right[one.schedule] = due  # the period that comes next has had its run, ahead of time
    seen(store, leap_days * DAY_MS)
    mending = Mending(store)
    mending.look()
    assert store.schedules.next_due(list(right)) == list(right.values())
    assert store.client.hget(keys.META, "clock_schedules") is None
    assert mending.look() == 0


def test_a_period_does_not_run_twice_after_the_clock_is_set_back(store):
    now = int(store.time())
    this = next_run(DAILY, now)
    put_schedule(store, DAILY, this.due, over=None)
    [one] = store.schedules.due(this.due, 1)
    after = next_run(DAILY, this.due).due
    store.client.zadd(keys.SCHEDULES_DUE, {one.member: after + 0.5})  # it ran, ahead of its time
    seen(store, 2 * 3_600_000)
    Mending(store).look()
    assert store.schedules.next_due([DAILY]) == [after]


def test_a_schedule_far_ahead_is_mended_even_if_no_one_saw_the_leap(store):
    put_schedule(store, HOURLY, far(store) // 1000, over=None)
    Mending(store).look()
    assert store.schedules.next_due([HOURLY]) == [next_run(HOURLY, int(store.time())).due]


def test_many_schedules_are_looked_at_bit_by_bit(store, monkeypatch):
    from scheduler import mending as module

    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(module, "ROUND", 0.0)
    wanted = [Schedule(company_id(n), "invoices", Cadence.DAILY, spread=6000) for n in range(10)]
    for one in wanted:
        put_schedule(store, one, int(store.time()) + 3 * 86_400, over=None)
    seen(store, LEAP_MS)
    mending = Mending(store)
    monkeypatch.setattr(module, "ROUND", 0.0001)
    for _ in range(100):
        mending.look()
        if store.client.hget(keys.META, "clock_schedules") is None:
            break
    now, due = int(store.time()), store.schedules.next_due(wanted)
    assert all(at <= next_run(one, now).due for one, at in zip(wanted, due, strict=True))


def test_a_clock_a_day_ahead_deletes_nothing_for_a_day(bench, monkeypatch):
    store, deleted = bench.store, []
    clock = Clock(bench.settings, store, SentHints())
    for name in ("trim", "trim_log", "expire_journeys"):
        monkeypatch.setattr(clocks.maintenance, name, lambda *_: deleted.append(1))
    Mending(store).look()
    clock.trim()
    clock.expire()
    assert len(deleted) == 3
    seen(store, -2 * DAY_MS)
    Mending(store).look()
    clock.trim()
    clock.expire()
    assert len(deleted) == 3
    seen(store, 60_000)  # it came back
    Mending(store).look()
    clock.trim()
    clock.expire()
    assert len(deleted) == 6


# --- what a company was told while the clock was ahead


def test_codats_news_beats_what_was_read_while_the_clock_was_ahead(bench):
    """And the company is read again, as nobody knows any more what is older than what."""
    action = Action("reread-1", "relay.company_created", ONE, now_micros(), {"name": "One"})
    bench.store.inbox.ingest(action.id, ONE, action_fields(action))
    bench.drain()
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    held = bench.store.companies.get(ONE)
    [(key, linked)] = held.connections.items()
    ahead = now_micros() + LEAP_MS * 1000
    held = replace(
        held,
        name_version=(ahead, "x"),
        listed=(ahead, "x"),
        connections={key: replace(linked, version=(ahead, "x"))},
        last_webhook=ahead // 1000,
    )
    bench.store.client.set(keys.COMPANY + ONE, pack(ONE, held.to_json()))
    bench.store.client.delete(keys.INTENT + f"reread:{ONE}")
    bench.deliver(make_event("connection.disconnected", connection=(1, "Deauthorized"), at=60))
    bench.drain()
    held = bench.store.companies.get(ONE)
    assert held.status == "Deauthorised"
    assert held.latest <= now_micros() + 600_000_000
    assert held.last_webhook <= now_ms() + 600_000
    assert stored_intent(bench.store, f"reread:{ONE}") is not None


@pytest.mark.parametrize(
    "kind", ["expenses.sync.successful", "connection.connected", "read.completed"]
)
def test_a_resend_after_lost_markers_is_logged_once(bench, kind):
    read = {"dataType": "invoices", "recordsModified": True, "status": "Complete", "issues": []}
    more = {
        "connection.connected": {"connection": (1, "Linked")},
        "read.completed": {"dataTypes": [read | {"connectionId": "c"}]},
    }
    body = json.dumps(make_event(kind, id="e-1", **more.get(kind, {}))).encode()
    headers = signed(body, message_id="msg_1")
    bench.take(headers, body)
    bench.drain()
    before = bench.log()
    bench.store.client.delete(*bench.store.client.scan_iter(keys.SEEN + "*"))
    bench.store.client.hset(keys.COUNTERS, "taken_at", far(bench.store))  # as the clock had it
    assert bench.take(headers, body).status == 204
    assert bench.drain() == 1
    assert bench.log() == before
    other = json.dumps(make_event(kind, id="e-2", at=5, **more.get(kind, {}))).encode()
    bench.take(signed(other, message_id="msg_2"), other)
    bench.drain()
    assert len(bench.log()) > len(before) or kind == "connection.connected"


@pytest.mark.parametrize("kind", ["track", "fresh"])
def test_dates_of_a_clock_ahead_keep_no_sync_open_and_no_data_fresh(bench, kind):
    """Codat's history was looked at every half minute, and silence no alarm, until 2028."""
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    store, ahead = bench.store, now_micros() + LEAP_MS * 1000
    held = store.companies.get(ONE)
    read = DataTypeState("Complete", (ahead, "x"), ahead)
    syncs = {ALL: replace(held.syncs[ALL], requested=ahead)}
    held = replace(held, syncs=syncs, data_types={"c|invoices": read})
    store.client.set(keys.COMPANY + ONE, pack(ONE, held.to_json()))
    put_schedule(store, replace(HOURLY, company_id=ONE, fresh=1), now_ms() // 1000, over=None)
    calls = len(bench.codat.asked)
    store.client.delete(*store.client.scan_iter(keys.INTENT + "*"))
    store.intents.put([NewIntent(f"{kind}:{ONE}", ONE, Priority.LOCAL, now_ms(), "x")], now_ms())
    bench.perform()
    assert len(bench.codat.asked) == calls
    bench.drain()
    mended = store.companies.get(ONE)
    assert mended.latest <= now_micros() + 600_000_000
    assert stored_intent(store, f"{kind}:{ONE}")["state"] == "due"


# A date that nobody can mean makes a hint of an event: nothing is logged, Codat is asked.
DATES = {"as sent": {}, "undated": {"generatedDate": "0001-01-01T00:00:00Z"}}


@pytest.mark.parametrize("dated", DATES)
@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_an_unlogged_message_is_handled_though_markers_are_missing(name, dated):
    message = webhook(payload(name, **DATES[dated]))
    held = apply(None, message).company
    for before in (None, held):
        new = apply(before, message)
        assert apply(before, replace(message, again=True)) == new


@pytest.mark.parametrize("quiet", [LEAP_MS, -LEAP_MS, 16 * DAY_MS])
def test_a_hint_leads_to_a_look_at_codat_after_a_leap_or_a_long_quiet(bench, quiet):
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    bench.store.client.delete(*bench.store.client.scan_iter(keys.INTENT + "*"))
    bench.store.client.hset(keys.COUNTERS, "taken_at", server_ms(bench.store) - quiet)
    ahead = make_event("connection.disconnected", connection=(1, "Deauthorized"))
    bench.deliver(ahead | {"generatedDate": "2028-01-04T22:16:27.993623Z"})
    bench.drain()
    assert stored_intent(bench.store, f"reread:{ONE}") is not None


@pytest.mark.parametrize("leap", [LEAP_MS, -LEAP_MS])
def test_a_leap_between_two_webhooks_is_seen_by_the_mending_too(bench, leap):
    store = bench.store
    Mending(store).look()
    assert bench.deliver(make_event("company.created")).status == 204
    seen(store, leap)
    Mending(store).look()
    assert bench.deliver(make_event("company.created")).status == 204
    lease = store.inbox.claim(None, LEASE_MS)
    assert [one.again for one in store.inbox.read(lease, lease.cursor, 10)] == [False, True]


def test_schedules_years_late_leave_time_for_the_clocks_other_work(store, monkeypatch):
    """A scheduler that looks at them for over a minute ends itself."""
    from scheduler import dispatch

    now = int(store.time())
    for number in range(6):
        wanted = replace(HOURLY, company_id=company_id(number))
        put_schedule(store, wanted, now - 3600, over=None)
    monkeypatch.setattr(dispatch, "ROUND_SECONDS", 0.0)
    between = []
    assert dispatch.dispatch(store, SentHints(), now, lambda: between.append(1) or now) == 6
    assert len(between) >= 6


def test_periods_that_passed_in_years_are_walked_in_one_go(monkeypatch):
    """Each alone is asked for by its own search, of a few thousand times as many days."""
    from relay.syncs import catchup

    asked = []
    step = catchup.run_and_next
    monkeypatch.setattr(catchup, "run_and_next", lambda *slot: asked.append(slot) or step(*slot))
    due = next_run(HOURLY, 1_796_068_800).due
    decision = catchup.decide_due(HOURLY, due, due + 400 * 86_400)
    assert len(asked) == 1
    assert decision.missed.older.number + len(decision.missed.periods) == 400 * 24
    assert decision.next_due == due + 400 * 86_400 + 3600
