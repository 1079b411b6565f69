"""The load of many schedules is estimated from a part of them, taken evenly."""

import time

from relay.services import load_forecast
from relay.syncs.cadence import next_run
from relay.syncs.schedule import ALL, Cadence, Schedule
from support.parts import company_id
from support.portal_bench import Portal
from support.stored import put_schedule, remove_schedule

NOW = int(time.time())
DAY = 86_400


def fill(store, count):
    for number in range(count):
        daily = Schedule(company_id(number), ALL, Cadence.DAILY, spread=DAY)
        assert put_schedule(store, daily, next_run(daily, NOW).due, over=None)


def test_all_are_taken_when_they_are_few(store):
    fill(store, 120)
    found = store.outlook.sample(1000)
    assert {one.company_id for one in found} == {company_id(number) for number in range(120)}
    assert [one.due for one in found] == sorted(one.due for one in found)
    assert {one.plan for one in found} == {Schedule("", "", Cadence.DAILY, spread=DAY)}
    assert store.outlook.sample(60) == [found[n + m] for n in range(0, 120, 4) for m in (0, 1)]


def test_nothing_due_is_nothing_taken(store):
    assert store.outlook.sample(1000) == []


def test_a_schedule_that_was_changed_or_removed_is_taken_as_it_is_now(store):
    fill(store, 2)
    [old] = store.schedules.of(company_id(0)).values()
    weekly = Schedule(company_id(0), ALL, Cadence.WEEKLY)
    assert put_schedule(store, weekly, NOW + DAY, over=old)
    [gone] = store.schedules.of(company_id(1)).values()
    assert remove_schedule(store, gone)
    assert [(one.due, one.plan.cadence) for one in store.outlook.sample(9)] == [
        (NOW + DAY, Cadence.WEEKLY)
    ]


def test_an_estimate_is_not_of_the_soonest_alone(store, monkeypatch):
    fill(store, 600)
    portal = Portal(store=store)
    whole = portal.get("/v1/schedules/load?hours=24").json
    monkeypatch.setattr(load_forecast, "MAX_SAMPLE", 200)
    estimate = portal.get("/v1/schedules/load?hours=24").json
    assert (whole["looked_at"], estimate["looked_at"], estimate["schedules"]) == (600, 200, 600)
    assert abs(estimate["total"] - whole["total"]) <= 0.05 * whole["total"]
    for there, here in zip(whole["hours"][1:-1], estimate["hours"][1:-1], strict=True):
        assert abs(there["syncs"] - here["syncs"]) <= 600 // 40
