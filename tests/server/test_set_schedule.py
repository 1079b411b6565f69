"""Changes of schedules on a real server: written and told in one step, whatever is due or waits."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.inbox.message import Action
from relay.services import set_schedule
from relay.store import keys
from relay.store.schedules.due import member_of
from relay.syncs.cadence import next_run
from relay.syncs.change import CHANGED, REMOVED, Change, Rescheduling
from relay.syncs.pause import Pause, Scope
from relay.syncs.schedule import ALL, Anchor, Cadence, Schedule
from relay.times import now_ms
from scheduler import dispatch
from support.parts import SentHints, company_id
from support.stored import put_schedule

NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
DAY = 86_400
DAILY = Schedule(company_id(1), ALL, Cadence.DAILY, Anchor(hour=13))
DUE = next_run(DAILY, NOW).due
EVERYTHING = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", NOW, on=True)


def change(store, before, after, now=NOW):
    cause = f"test:{now}"
    return set_schedule.write(store, SentHints(), Change(before, after), now=now, cause=cause)


def told(bench, kind="sync.missed"):
    bench.drain()
    return [data for each, data in bench.log() if each == kind]


def waiting(store):
    return [record.name.rpartition(":")[2] for record in store.intent_list.walk("waiting", 100)]


def test_a_due_schedule_stays_due_if_its_calendar_stays(bench):
    store = bench.store
    assert change(store, None, DAILY)
    assert change(store, DAILY, replace(DAILY, fresh=24), now=DUE + 30)
    assert dispatch.dispatch(store, SentHints(), DUE + 40) == 1
    assert waiting(store) == ["2026-03-02"]
    assert told(bench) == []


@pytest.mark.parametrize(
    ("after", "reason"),
    [(None, REMOVED), (replace(DAILY, cadence=Cadence.WEEKLY), CHANGED)],
    ids=["removed", "changed"],
)
def test_a_due_schedule_is_logged_as_missed_when_removed(bench, after, reason):
    store, before = bench.store, DAILY
    assert change(store, None, before)
    assert change(store, before, after, now=DUE + DAY + 30)
    assert told(bench) == [
        {"data_type": ALL, "period": period, "reason": reason}
        for period in ("2026-03-02", "2026-03-03")
    ]
    assert dispatch.dispatch(store, SentHints(), DUE + DAY + 40) == 0


def parked(store):
    assert change(store, None, DAILY)
    assert store.pauses.write(replace(EVERYTHING, ends=DUE + DAY), over=None, at=NOW)[0]
    assert dispatch.dispatch(store, SentHints(), DUE) == 0
    assert store.pauses.parked([EVERYTHING]) == [1]


def test_one_that_waits_under_a_pause_waits_on_as_it_was_due(bench):
    store = bench.store
    parked(store)
    after = replace(DAILY, cap=3)
    assert change(store, DAILY, after, now=DUE + 60)
    assert store.pauses.holding([EVERYTHING], [after]) == [EVERYTHING]
    assert store.schedules.count() == 0
    assert dispatch.dispatch(store, SentHints(), DUE + DAY) == 1
    [missed] = told(bench)
    assert missed["period"] == "2026-03-02"


def test_a_schedule_parked_at_an_unlink_is_missed_and_stays_away(bench):
    store = bench.store
    parked(store)
    asleep = DAILY.suspend("the company is Unlinked", DUE + 60)
    assert change(store, DAILY, asleep, now=DUE + 60)
    assert change(store, asleep, DAILY, now=DUE + 120)
    assert [one["period"] for one in told(bench)] == ["2026-03-02"]
    assert dispatch.dispatch(store, SentHints(), DUE + DAY) == 1
    assert waiting(store) == ["2026-03-03"]


def test_what_a_pause_held_back_is_logged_with_that_pause(bench, client):
    store = bench.store
    parked(store)
    dispatch.dispatch(store, SentHints(), DUE + DAY)
    [missed] = told(bench)
    assert missed["reason"] == (
        "held back by pause p1 of olga (a migration); one sync stands for all missed periods"
    )
    assert client.exists(keys.HELD_BACK) == 0


def test_a_run_after_a_pause_leaves_no_reason_for_a_later_one(bench, client):
    store = bench.store
    parked(store)
    assert store.pauses.write(
        EVERYTHING.end(DUE + 3600), over=replace(EVERYTHING, ends=DUE + DAY), at=DUE + 3600
    )[0]
    assert dispatch.dispatch(store, SentHints(), DUE + 3600) == 1
    assert told(bench) == []
    assert client.exists(keys.HELD_BACK) == 0


def test_what_a_pause_made_late_keeps_its_reason_through_a_change(bench, client):
    store = bench.store
    parked(store)
    assert store.pauses.write(
        EVERYTHING.end(NOW), over=replace(EVERYTHING, ends=DUE + DAY), at=NOW
    )[0]
    assert store.pauses.unpark(EVERYTHING.id, 10, forget=True) == 0
    after = replace(DAILY, cap=3)
    assert change(store, DAILY, after, now=DUE + DAY)
    assert list(client.hgetall(keys.HELD_BACK)) == [member_of(after).encode()]
    assert change(store, after, None, now=DUE + DAY)
    assert client.exists(keys.HELD_BACK) == 0


def test_a_run_held_back_for_a_moment_is_on_time_without_a_reason(store, client):
    now = now_ms() // 1000
    assert put_schedule(store, DAILY, now - 60, over=None)
    held = replace(EVERYTHING, begins=now - 90)
    assert store.pauses.write(held, over=None, at=now)[0]
    assert store.pauses.park([(store.schedules.due(now, 1)[0], held)]) == 1
    assert store.pauses.write(held.end(now), over=held, at=now)[0]
    assert store.pauses.unpark(held.id, 10, forget=True) == 0
    assert store.schedules.next_due([DAILY]) == [now - 60]
    assert client.exists(keys.HELD_BACK) == 0


@pytest.mark.parametrize("between", [None, replace(DAILY, cadence=Cadence.WEEKLY)])
def test_a_period_that_ran_is_remembered_through_changes(store, between):
    assert change(store, None, DAILY)
    assert dispatch.dispatch(store, SentHints(), DUE) == 1
    assert change(store, DAILY, between, now=DUE + 60)
    later = replace(DAILY, anchor=Anchor(hour=15))
    assert change(store, between, later, now=DUE + 120)
    assert store.schedules.next_due([later]) == [DUE + DAY + 7200]
    assert store.schedules.of(company_id(1)) == {ALL: later}


def test_a_period_remembered_by_an_earlier_version_counts(store, client):
    client.hset(keys.SCHEDULES + company_id(1), f"{ALL}#period", "2026-03-02")
    assert change(store, None, DAILY)
    assert store.schedules.next_due([DAILY]) == [DUE + DAY]


def test_a_change_sent_twice_is_logged_once(bench):
    store = bench.store
    assert change(store, None, DAILY)
    at, after = store.schedules.standing(company_id(1), ALL), replace(DAILY, cap=3)
    lane = store.inbox.lane_of(company_id(1))
    payload = {"schedules": []}
    action = Action("twice", set_schedule.ACTION_TYPE, company_id(1), NOW * 1_000_000, payload)
    of = (at, Change(DAILY, after), Rescheduling(at.score), lane, action)
    before = store.client.xlen(keys.LANE + str(lane))
    assert store.schedules.write(*of)[0]
    assert store.schedules.write(*of)[0]
    assert store.client.xlen(keys.LANE + str(lane)) == before + 1


@pytest.mark.parametrize("what", ["dispatched", "parked", "let go"])
def test_what_happens_between_look_and_write_stops_the_write(store, monkeypatch, what):
    if what == "let go":
        parked(store)
    else:
        assert change(store, None, DAILY)
    if what == "parked":
        assert store.pauses.write(EVERYTHING, over=None, at=NOW)[0]
    read = store.schedules.standing

    def then_it_happens(*of):
        at = read(*of)
        dispatch.dispatch(store, SentHints(), DUE + DAY * (what == "let go"))
        return at

    monkeypatch.setattr(store.schedules, "standing", then_it_happens)
    assert not change(store, DAILY, None, now=DUE)
    monkeypatch.undo()
    assert store.schedules.of(company_id(1)) == {ALL: DAILY}


def test_a_change_that_changes_nothing_is_not_logged(bench):
    assert change(bench.store, None, DAILY)
    assert change(bench.store, DAILY, DAILY, now=NOW + 60)
    assert told(bench, "schedule.changed") == []
    assert len(told(bench, "schedule.given")) == 1
