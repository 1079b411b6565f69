"""Many schedulers, frozen, killed and with wrong clocks: each period once, or a logged reason.

A second of the compressed week is a day and four hours: a scheduler that is frozen for two of them
wakes more than two days late. `RELAY_WEEK_SECONDS` lets it pass more slowly, so that most runs are
on time, `RELAY_WEEK_COMPANIES` takes more companies (`make week`).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import takewhile

import pytest
import structlog

from relay import clocks
from relay.clocks import Reading
from relay.syncs.cadence import next_run, runs
from relay.syncs.schedule import Anchor, Cadence, CatchUp, Schedule
from scheduler import dispatch
from scheduler.clock import Clock
from support.parts import SentHints, company_id
from support.paths import ROOT
from support.relays import linked
from support.stored import put_schedule

log = structlog.get_logger("figures")

WEEK = 7 * 86_400
SECONDS = float(os.environ.get("RELAY_WEEK_SECONDS", "6"))  # in which the week passes
COMPANIES = int(os.environ.get("RELAY_WEEK_COMPANIES", "1"))
KILL_EVERY = max(2.0, SECONDS / 30)
DATA_TYPES = ["invoices", "bills", "suppliers", "customers"]


def schedules(company):
    return [
        Schedule(company, "invoices", Cadence.HOURLY, Anchor(minute=7), catch_up=CatchUp.ALL),
        Schedule(company, "bills", Cadence.HOURLY, Anchor(hour=1, minute=30), every=6),
        Schedule(company, "suppliers", Cadence.DAILY, Anchor(hour=2), "Europe/London", 3600),
        Schedule(company, "customers", Cadence.WEEKLY, catch_up=CatchUp.SKIP),
    ]


class Schedulers:
    """Processes that tick in compressed time."""

    def __init__(self, url, start, until):
        self.arguments = [url, str(time.time() + 1.5), str(start), str(WEEK / SECONDS), str(until)]
        self.running = []

    def start(self):
        path = f"{ROOT}:{ROOT / 'tests'}"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path}
        command = [
            sys.executable,
            str(ROOT / "tests" / "support" / "compressed.py"),
            *self.arguments,
        ]
        self.running.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        return self.running[-1]

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()


@pytest.mark.timeout(180 + 3 * SECONDS)
@pytest.mark.parametrize("count", [2, 5])
def test_in_a_week_of_kills_and_freezes_codat_is_asked_once_a_period(relay, server, count):
    companies = [linked(relay) for _ in range(COMPANIES)]
    until = int(time.time()) - 60
    start = until - WEEK
    wanted = [one for company in companies for one in schedules(company)]
    for one in wanted:
        assert put_schedule(relay.store, one, next_run(one, start).due, over=None)
    chance = random.Random(count)
    schedulers = Schedulers(server.url, start, until)
    try:
        for _ in range(count):
            schedulers.start()
        time.sleep(2.0)
        frozen = schedulers.running[0]
        frozen.send_signal(signal.SIGSTOP)
        ends = float(schedulers.arguments[1]) + SECONDS
        thaws = time.time() + SECONDS / 3
        while time.time() < ends:
            time.sleep(KILL_EVERY)
            killed = schedulers.running.pop(chance.randrange(1, len(schedulers.running)))
            killed.kill()
            killed.wait()
            schedulers.start()
            if time.time() > thaws:
                frozen.send_signal(signal.SIGCONT)
        frozen.send_signal(signal.SIGCONT)
        relay.until(lambda: nothing_due(relay, wanted, until), "the dispatch of the whole week")
    finally:
        schedulers.end()
    totals = Counter()
    for company in companies:
        mine = [one for one in wanted if one.company_id == company]
        totals += judge(relay, company, mine, start, until)
    log.info("week", schedulers=count, seconds=SECONDS, schedules=len(wanted), **totals)


def nothing_due(relay, wanted, until):
    """Whether every schedule has moved past the week."""
    return all(due and due > until for due in relay.store.schedules.next_due(wanted))


def judge(relay, company, wanted, start, until):
    """Every period is requested at the sandbox once, or missed with a reason; none is both.

    Gives how many were requested, missed, and are yet to leave.
    """
    expected = {
        one.data_type: {r.period for r in takewhile(lambda r: r.due <= until, runs(one, start))}
        for one in wanted
    }
    found = relay.until(lambda: accounted(relay, company, expected), "word of every period")
    totals = Counter(periods=sum(map(len, expected.values())))
    for data_type, (requested, missed) in found.items():
        assert not set(requested) & set(missed)
        assert {*requested.values(), *missed.values()} <= {1}
        asked = relay.journal("POST", company, f"/data/queue/{data_type}")
        assert len(asked) == len(requested)
        totals += Counter(requested=len(requested), missed=len(missed))
    return totals


def accounted(relay, company, expected):
    """Which periods were requested and missed, once there is word of all; None before."""
    later, told = held_later(relay), relay.told(company)
    found = {}
    for data_type, periods in expected.items():
        mine = [(kind, data) for kind, data in told if data.get("data_type") == data_type]
        requested = Counter(d["period"] for kind, d in mine if kind == "sync.requested")
        missed = Counter(d["period"] for kind, d in mine if kind == "sync.missed" and d["reason"])
        waiting = {name.rpartition(":")[2] for name in later if f":{data_type}:" in name}
        if set(requested) | set(missed) | waiting != periods:
            return None
        found[data_type] = (requested, missed)
    return found


def held_later(relay):
    """Syncs that make up for missed periods, and are to leave later; not those under way."""
    now = int(time.time() * 1000)
    waiting = relay.store.intent_list.walk("waiting", 10_000)
    return [one.name for one in waiting if one.due > now and one.state == "due"]


NOW = 1_772_452_800
DAY = 86_400


def test_a_clock_change_doubles_no_period_and_loses_none(bench):
    store = bench.store
    wanted = Schedule(company_id(1), "invoices", Cadence.DAILY)
    due = next_run(wanted, NOW).due
    put_schedule(store, wanted, due, over=None)
    asked = []
    for now in (due, due - 3600, due + 1, due + 3 * DAY, due, due + 3 * DAY + 1, due + 4 * DAY):
        asked.append(dispatch.dispatch(store, SentHints(), now))
    assert asked == [1, 0, 0, 1, 0, 0, 1]
    bench.drain()
    missed = [data["period"] for kind, data in bench.log() if kind == "sync.missed"]
    assert missed == ["2026-03-04", "2026-03-05"]


def test_a_host_with_a_wrong_clock_dispatches_by_the_servers(bench, monkeypatch):
    """Months ahead of the server it dispatches nothing too early, and raises an alarm."""
    wanted = Schedule(company_id(1), "invoices", Cadence.DAILY)
    due = next_run(wanted, int(time.time()) - 90 * DAY).due
    put_schedule(bench.store, wanted, due, over=None)
    clock = Clock(bench.settings, bench.store, SentHints())
    monkeypatch.setattr(bench.store, "time", lambda: due - 2)
    clock.tick()
    assert bench.store.schedules.next_due([wanted]) == [due]
    monkeypatch.setattr(bench.store, "time", lambda: due)
    clock.tick()
    assert bench.store.schedules.next_due([wanted]) == [due + DAY]
    bench.drain()
    assert [kind for kind, _ in bench.log()] == ["clock.differed"]


def test_the_time_that_all_schedulers_go_by_is_the_servers(store):
    seconds, _ = store.client.time()
    assert seconds <= store.time() <= store.client.time()[0] + 1


def test_a_moved_clock_raises_an_alarm_and_a_slow_tick_does_not(bench):
    clock = Clock(bench.settings, bench.store, SentHints())
    second = Clock(bench.settings, bench.store, SentHints())
    for one in (clock, second):  # what both notice is told once
        one.compare(Reading(1000, 1000, 0))
        one.compare(Reading(1400, 1400, 400))  # frozen for a while: all ran on
        one.compare(Reading(5001, 5001, 401))
        one.compare(None)
        one.compare(Reading(1402, 1402, 402))
        one.compare(Reading(1403.5, 1403.5, 403))
    bench.drain()
    assert [(kind, data["seconds"]) for kind, data in bench.log()] == [
        ("clock.jumped", 3600.0),
        ("clock.jumped", -3600.0),
    ]


def test_a_clock_apart_from_the_servers_is_logged_once_each_time(bench):
    clock = Clock(bench.settings, bench.store, SentHints())
    for second, ahead in enumerate([0, 20, 3600, 3600, -10, -86400]):
        clock.compare(Reading(1000 + second, 1000 + second + ahead, second))
    bench.drain()
    assert [(kind, data["seconds"]) for kind, data in bench.log()] == [
        ("clock.differed", 3600.0),
        ("clock.differed", -86400.0),
    ]


def test_a_reading_that_took_long_says_nothing(store, monkeypatch):
    assert Reading.take(store) is not None
    monkeypatch.setattr(clocks, "MAX_READING", 0.0)
    assert Reading.take(store) is None
