"""Two days without a scheduler, then two of them: what the sandbox is asked is what each rule says.

`RELAY_COMEBACK_COMPANIES` and `RELAY_COMEBACK_SCALE` make it larger and slower than the test suite
has time for; a scale of 1 spreads over the true quarters of an hour (`make comeback`). The judge is
the sandbox's journal.
"""

import os
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, takewhile

import pytest
import structlog

from relay.store.intents.queue import NewIntent, Priority
from relay.syncs import catchup
from relay.syncs.cadence import next_run, runs
from relay.syncs.schedule import ALL, SPREAD, Cadence, CatchUp, Schedule, offset_within
from relay.times import now_ms
from scheduler.clock import Clock
from support.log import read_log
from support.relays import linked
from support.stored import put_schedule

log = structlog.get_logger("figures")

COMPANIES = int(os.environ.get("RELAY_COMEBACK_COMPANIES", "12"))
SCALE = float(os.environ.get("RELAY_COMEBACK_SCALE", "0.004"))
CALLS_PER_MINUTE = int(os.environ.get("RELAY_COMEBACK_CALLS_PER_MINUTE", "900"))
DOWN = 2 * 86_400
CAP = 3
DATA_TYPES = {"invoices": Cadence.HOURLY, "bills": Cadence.DAILY}
TICK = 0.2
PATIENCE = 60 + 2 * SCALE * (catchup.LATE_SPREAD + CAP * catchup.CATCH_UP_GAP)


@pytest.mark.timeout(300 + 5 * COMPANIES + 2 * PATIENCE)
def test_two_days_down_are_caught_up_by_rule_and_within_the_budget(relay, monkeypatch):
    monkeypatch.setattr(catchup, "LATE_SPREAD", int(catchup.LATE_SPREAD * SCALE))
    monkeypatch.setattr(catchup, "CATCH_UP_GAP", int(catchup.CATCH_UP_GAP * SCALE))
    companies = link_all(relay)
    up = int(time.time())
    wanted = [one for n, company in enumerate(companies) for one in schedules(company, n)]
    for one in wanted:
        assert put_schedule(relay.store, one, next_run(one, up - DOWN).due, over=None)
    budget = relay.store.budget
    budget.limits = replace(budget.limits, calls_per_minute=CALLS_PER_MINUTE)
    calls = come_back(relay, wanted, up)
    by_pair = defaultdict(list)
    for call in calls:
        if call["method"] == "POST" and "/data/queue/" in call["path"]:
            by_pair[call["companyId"], call["path"].rpartition("/")[2]].append(call["time"])
    told = word(relay)
    for one in wanted:
        judge(one, up, told[one.company_id, one.data_type])
        asked = sorted(by_pair[one.company_id, one.data_type])
        assert len(asked) == len(told[one.company_id, one.data_type]["sync.requested"])
        leaves = up + offset_within(catchup.LATE_SPREAD, one.key)
        if one.catch_up is not CatchUp.SKIP and late(one, up):
            assert all(at >= leaves + catchup.CATCH_UP_GAP * n for n, at in enumerate(asked[:CAP]))
    fullest = most_within_a_minute([call["time"] for call in calls])
    assert fullest <= CALLS_PER_MINUTE
    log.info(
        "came back",
        schedules=len(wanted),
        requests=sum(map(len, by_pair.values())),
        told_as_missed=sum(len(kinds["sync.missed"]) for kinds in told.values()),
        calls_in_fullest_minute=fullest,
        seconds=round(time.time() - up),
    )


def schedules(company: str, number: int) -> list[Schedule]:
    rule = list(CatchUp)[number % 3]
    return [
        Schedule(company, data_type, cadence, spread=SPREAD[cadence], catch_up=rule, cap=CAP)
        for data_type, cadence in DATA_TYPES.items()
    ]


def link_all(relay) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        companies = list(pool.map(lambda _: linked(relay), range(COMPANIES)))
    names = [(f"track:{company}", company) for company in companies]
    now = now_ms()
    relay.store.intents.put([NewIntent(*name, Priority.NOW, now, "test") for name in names], now)
    # While Codat's own first sync runs, it would stand for others.
    wait(lambda: all(first_is_over(relay, company) for company in companies), 30 + COMPANIES)
    return companies


def first_is_over(relay, company: str) -> bool:
    first = relay.store.companies.get(company).syncs.get(ALL)
    return first is not None and not first.is_open


def wait(met, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.1 + SCALE)


def come_back(relay, wanted: list[Schedule], up: int) -> list[dict]:
    """Tick in two threads until there is word of every period; give all calls since."""
    stopping = threading.Event()

    def tick() -> None:
        clock = Clock(relay.context.settings, relay.store, relay.context.hints)
        while not stopping.wait(TICK):
            clock.tick()

    clocks = [threading.Thread(target=tick, daemon=True) for _ in range(2)]
    for clock in clocks:
        clock.start()
    wait(lambda: all_told(relay, wanted, up), PATIENCE)
    stopping.set()
    for clock in clocks:
        clock.join()
    entries = relay.sandbox.journal.after(0, 10_000_000)
    return [entry for entry in entries if entry["kind"] == "api" and entry["time"] >= up]


def word(relay):
    """What was told of each schedule's periods: {(company, data type): {type: [period]}}."""
    told = defaultdict(lambda: {"sync.requested": [], "sync.missed": []})
    for event in read_log(relay.store, 0, 1_000_000):
        if event.type == "sync.requested" or (event.type == "sync.missed" and event.data["reason"]):
            told[event.subject, event.data["data_type"]][event.type].append(event.data["period"])
    return told


def passed(one: Schedule, up: int) -> list[str]:
    return [run.period for run in takewhile(lambda run: run.due <= up, runs(one, up - DOWN))]


def late(one: Schedule, up: int) -> bool:
    """Whether its last run before `up` is late for sure, and its next far enough away."""
    last = list(takewhile(lambda run: run.due <= up, runs(one, up - DOWN)))[-1]
    coming = next(islice(runs(one, up), 1))
    return up - last.due > catchup.GRACE and coming.due > up + PATIENCE


def all_told(relay, wanted: list[Schedule], up: int) -> bool:
    told = word(relay)
    return all(
        set(passed(one, up))
        <= {p for kind in told[one.company_id, one.data_type].values() for p in kind}
        for one in wanted
    )


def judge(one: Schedule, up: int, told: dict[str, list[str]]) -> None:
    """Each period that passed was asked for or told as missed, never both, as the rule says."""
    periods, asked, missed = passed(one, up), told["sync.requested"], told["sync.missed"]
    assert len({*asked, *missed}) == len([*asked, *missed])
    kept = [period for period in periods if period in asked]
    if not late(one, up):
        assert kept in (periods[-1:], [], periods[-CAP:], periods[1 - CAP :])
    elif one.catch_up is CatchUp.SKIP:
        assert kept == []
    else:
        assert kept == periods[-1 if one.catch_up is CatchUp.ONCE else -CAP :]
    assert sorted([*kept, *(p for p in missed if p in periods)]) == periods


def most_within_a_minute(times: list[float]) -> int:
    times, first, most = sorted(times), 0, 0
    for last, at in enumerate(times):
        while times[first] < at - 59.5:  # the sandbox notes a call a moment after it was counted
            first += 1
        most = max(most, last - first + 1)
    return most
