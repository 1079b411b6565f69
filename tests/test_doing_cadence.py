"""A company's schedules agree with its status: given on link, suspended while it is not linked."""

from dataclasses import replace

import pytest

from parts import company_id, make_event
from relay.cadence import ALL, SPREAD, Anchor, Cadence, Schedule, next_run
from relay.company import Company, Connection
from relay.store.intents import Intent, Priority
from relay.times import now_ms
from workers.doing import cadence
from workers.doing.cadence import FIRST_AFTER, changes
from workers.endings import Ending

COMPANY = company_id(1)
POLICY = Schedule(COMPANY, ALL, Cadence.DAILY, spread=SPREAD[Cadence.DAILY], origin="policy")
PERSONS = Schedule(COMPANY, "invoices", Cadence.WEEKLY, Anchor(hour=7), "Europe/London")


def company(status):
    return Company(COMPANY, connections={"c": Connection("c", status, (1, "e"))})


LINKED, UNLINKED = company("Linked"), company("Unlinked")


def test_a_linked_company_without_a_schedule_is_given_the_default():
    assert changes(LINKED, {}, "daily") == [(POLICY, None)]
    [(given, _)] = changes(LINKED, {}, "monthly")
    assert (given.cadence, given.spread) == (Cadence.MONTHLY, SPREAD[Cadence.MONTHLY])


def test_a_company_that_has_a_schedule_is_given_no_other():
    assert changes(LINKED, {"invoices": PERSONS}, "daily") == []


def test_no_default_gives_nothing():
    assert changes(LINKED, {}, "none") == []


@pytest.mark.parametrize("status", ["Unlinked", "Deauthorized", "PendingAuth", "deleted"])
def test_every_schedule_of_a_company_that_is_not_linked_is_suspended(status):
    ended = company(status)
    held = {ALL: POLICY, "invoices": PERSONS}
    reason = f"the company is {ended.status}"
    assert changes(ended, held, "daily") == [
        (POLICY.suspend(reason), POLICY),
        (PERSONS.suspend(reason), PERSONS),
    ]
    assert changes(ended, {ALL: POLICY.suspend(reason)}, "daily") == []
    assert changes(ended, {}, "daily") == []


def test_the_reason_follows_the_status():
    before = POLICY.suspend("the company is Deauthorised")
    [(after, over)] = changes(UNLINKED, {ALL: before}, "daily")
    assert (after.suspended, over) == ("the company is Unlinked", before)


def test_a_relinked_company_has_its_own_schedules_back():
    stopped = PERSONS.suspend("the company is Unlinked")
    assert changes(LINKED, {"invoices": stopped}, "daily") == [(PERSONS, stopped)]


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
