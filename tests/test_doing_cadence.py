"""A company's schedules agree with its status: given on link, suspended while it is not linked."""

from dataclasses import replace

from parts import company_id, make_event
from relay.cadence import ALL, SPREAD, Anchor, Cadence, Schedule, next_run
from relay.policy import Policy
from relay.store.intents import Intent, Priority
from relay.times import now_ms
from workers.doing import cadence
from workers.doing.cadence import FIRST_AFTER
from workers.endings import Ending

COMPANY = company_id(1)
POLICY = Schedule(COMPANY, ALL, Cadence.DAILY, spread=SPREAD[Cadence.DAILY], origin="policy")
PERSONS = Schedule(COMPANY, "invoices", Cadence.WEEKLY, Anchor(hour=7), "Europe/London")


def connect(bench, event_type, status, at=0):
    bench.deliver(make_event(event_type, connection=(1, status), at=at))
    bench.drain()


def do(bench):
    intent = Intent(f"cadence:{COMPANY}", 1, COMPANY, 1, 0, {}, "msg_1", Priority.LINK)
    return cadence.do(bench.context, intent)


def test_the_first_run_leaves_codats_own_first_sync_alone(bench):
    connect(bench, "connection.connected", "Linked")
    before = now_ms() // 1000
    assert do(bench).ending is Ending.DONE
    held = bench.store.schedules.of(COMPANY)
    assert held == {ALL: POLICY}
    [due] = bench.store.schedules.next_due([POLICY])
    assert due >= before + FIRST_AFTER
    assert due == next_run(POLICY, due - 1).due
    assert bench.codat.asked == []


def test_a_suspended_schedule_is_not_due_and_comes_back_on_relink(bench):
    connect(bench, "connection.connected", "Linked")
    do(bench)
    connect(bench, "connection.disconnected", "Unlinked", at=1)
    do(bench)
    [stopped] = bench.store.schedules.of(COMPANY).values()
    assert stopped.suspended == "the company is Unlinked"
    assert abs(stopped.suspended_at - now_ms() // 1000) < 60
    assert bench.store.schedules.next_due([stopped]) == [None]
    connect(bench, "connection.reconnected", "Linked", at=2)
    do(bench)
    assert bench.store.schedules.of(COMPANY) == {ALL: POLICY}
    assert bench.store.schedules.next_due([POLICY])[0] is not None


def test_done_twice_it_changes_nothing_more(bench):
    connect(bench, "connection.connected", "Linked")
    do(bench)
    due = bench.store.schedules.next_due([POLICY])
    do(bench)
    assert bench.store.schedules.next_due([POLICY]) == due


def test_a_schedule_that_someone_changed_meanwhile_is_looked_at_again(bench, monkeypatch):
    connect(bench, "connection.connected", "Linked")
    monkeypatch.setattr(bench.store.schedules, "of", lambda company: {})
    bench.store.schedules.put(replace(PERSONS, data_type=ALL), None, over=None)
    ended = do(bench)
    assert (ended.ending, ended.expected) == (Ending.LATER, True)
    monkeypatch.undo()
    assert bench.store.schedules.of(COMPANY)[ALL].origin == "person"


def test_a_company_that_we_do_not_hold_needs_nothing(bench):
    assert do(bench).ending is Ending.DONE
    assert bench.store.schedules.count() == 0


def test_it_tells_what_it_changed_and_nothing_when_there_is_nothing(bench):
    connect(bench, "connection.connected", "Linked")
    [told] = do(bench).told.payload["schedules"]
    assert (told["change"], told["data_type"], told["cadence"]) == ("given", ALL, "daily")
    assert do(bench).told is None


def test_asked_to_apply_it_brings_the_company_to_the_policy(bench):
    connect(bench, "connection.connected", "Linked")
    do(bench)
    bench.store.policies.put(Policy.of_cadence("weekly"))
    assert do(bench).told is None
    name = f"cadence:{COMPANY}:apply"
    cadence.do(bench.context, Intent(name, 1, COMPANY, 1, 0, {"apply": True}, "api", Priority.NOW))
    [held] = bench.store.schedules.of(COMPANY).values()
    assert held.cadence is Cadence.WEEKLY
