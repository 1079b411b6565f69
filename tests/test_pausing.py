"""Pauses on a real server: what they hold back, what becomes of it, and what the log says."""

from dataclasses import replace

import pytest

from parts import SentHints, company_id, make_event
from relay.cadence import ALL, Cadence, CatchUp, Schedule, next_run
from relay.pause import Pause, Scope, Window
from relay.store.intents import Intent, Priority
from relay.times import now_ms
from scheduler import ticks
from workers.doing import sync
from workers.endings import Ending

NOW = 1_772_452_800  # Monday 2026-03-02T12:00Z
DAY = 86_400
DUE = NOW + DAY // 2  # when a daily schedule without an anchor falls due
EVERYTHING = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", NOW, on=True)


def put(store, number=1, data_type=ALL, **more):
    wanted = Schedule(company_id(number), data_type, Cadence.DAILY, **more)
    assert store.schedules.put(wanted, next_run(wanted, NOW).due, over=None)
    return wanted


def pause(store, given=EVERYTHING, **changes):
    written = replace(given, **changes)
    assert store.pauses.write(written, over=None, at=written.begins)[0]
    return written


def tick(store, now):
    return ticks.dispatch(store, SentHints(), now)


def told(bench):
    bench.drain()
    return [(kind, data.get("pause") or data.get("period")) for kind, data in bench.log()]


def test_what_is_due_in_a_pause_waits_and_then_follows_its_catch_up_rule(bench):
    store = bench.store
    put(store, 1)
    put(store, 2, catch_up=CatchUp.SKIP)
    put(store, 3, catch_up=CatchUp.ALL)
    pause(store, ends=NOW + 3 * DAY)
    assert tick(store, DUE) == tick(store, DUE + DAY) == 0
    assert store.pauses.parked([EVERYTHING]) == [3]
    assert store.schedules.count() == 0
    assert tick(store, NOW + 3 * DAY) == 1 + 0 + 3
    assert store.schedules.count() == 3
    assert store.pauses.all() == []
    kinds = told(bench)
    assert kinds[0] == ("pause.started", "p1")
    assert ("pause.ended", "p1") in kinds
    assert sorted(period for kind, period in kinds if kind == "sync.missed") == [
        *["2026-03-03"] * 2,
        *["2026-03-04"] * 2,
        "2026-03-05",
    ]


def test_only_what_a_pause_covers_is_held_back(store):
    put(store, 1)
    put(store, 1, "invoices")
    put(store, 2)
    pause(store, scope=Scope.COMPANY, value=company_id(2))
    pause(store, id="p2", scope=Scope.DATA_TYPE, value="invoices")
    assert tick(store, DUE) == 1
    assert store.pauses.parked(store.pauses.all()) == [1, 1]


def test_a_platform_and_a_tag_are_known_from_the_company(bench):
    store = bench.store
    for number in (1, 2, 3):
        bench.deliver(
            make_event("connection.connected", company=number, connection=(number, "Linked"))
        )
        put(store, number)
    event = make_event("company.created", company=3, at=5, tags={"region": "uk"})
    bench.deliver(event)
    bench.drain()
    assert store.companies.get(company_id(3)).tags == {"region": "uk"}
    first = pause(store, scope=Scope.TAG, value="region=uk")
    assert tick(store, DUE) == 2
    assert store.pauses.parked([first]) == [1]
    second = pause(store, id="p2", scope=Scope.PLATFORM, value="Xero")
    assert tick(store, DUE + DAY) == 0
    assert store.pauses.parked([first, second]) == [1, 2]


def test_of_nested_pauses_the_last_to_end_lets_go(store):
    put(store)
    pause(store, ends=NOW + DAY)
    pause(store, id="p2", scope=Scope.COMPANY, value=company_id(1), ends=NOW + 2 * DAY)
    assert tick(store, DUE) == 0
    assert tick(store, NOW + DAY) == 0
    assert store.pauses.parked(store.pauses.all()) == [1]
    assert tick(store, NOW + 2 * DAY) == 1


def test_a_window_holds_back_only_while_it_lasts_and_tells_each_time(bench):
    store = bench.store
    put(store)
    window = Window("UTC", "23:00", "05:00")
    pause(store, on=False, window=window)
    assert tick(store, NOW) == 0
    assert tick(store, DUE) == 0  # midnight
    assert tick(store, DUE + 5 * 3600 - 1) == 0
    assert tick(store, DUE + 5 * 3600) == 1
    assert store.pauses.all() != []
    kinds = [kind for kind, _ in told(bench)]
    assert kinds == ["pause.set", "pause.started", "pause.ended"]


def test_a_schedule_set_anew_or_removed_in_a_pause_is_not_brought_back_as_it_was(store):
    first, second = put(store, 1), put(store, 2)
    held = pause(store, ends=NOW + DAY)
    tick(store, DUE)
    weekly = replace(first, cadence=Cadence.WEEKLY)
    later = NOW + 5 * DAY
    assert store.schedules.put(weekly, later, over=first)
    assert store.schedules.remove(second)
    assert store.pauses.parked([held]) == [0]
    assert tick(store, NOW + DAY) == 0
    assert store.schedules.next_due([weekly, second]) == [later, None]


def test_a_pause_that_changed_meanwhile_is_not_written_over_and_told_once(bench):
    store = bench.store
    pause(store)
    assert store.pauses.write(EVERYTHING, over=None, at=NOW) == (True, True)  # sent twice
    over = EVERYTHING.end(NOW + 5)
    assert store.pauses.write(over, over=EVERYTHING, at=NOW + 5)[0]
    assert not store.pauses.write(EVERYTHING.end(NOW + 9), over=EVERYTHING, at=NOW + 9)[0]
    assert told(bench) == [("pause.started", "p1"), ("pause.ended", "p1")]


@pytest.mark.parametrize(
    ("priority", "ending"), [(Priority.SCHEDULED, Ending.LATER), (Priority.NOW, Ending.DONE)]
)
def test_a_scheduled_sync_still_waits_its_turn_when_the_pause_begins(bench, priority, ending):
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    pause(bench.store, begins=now_ms() // 1000 - 1)
    args = {"data_type": ALL, "period": "p"}
    intent = Intent("sync:x", 1, company_id(1), 1, 0, args, "schedule", priority)
    assert sync.do(bench.context, intent).ending is ending
    assert bool(bench.codat.refreshed) is (ending is Ending.DONE)


@pytest.mark.parametrize(
    "held", [Pause("p1", Scope.COMPANY, company_id(2), "olga", "asked", NOW, on=True),
             Pause("p1", Scope.DATA_TYPE, "bills", "olga", "asked", NOW, on=True)],
    ids=["company", "data type"],
)  # fmt: skip
def test_a_pause_holds_back_its_own_although_all_others_go_at_once(store, held):
    for number in range(6):
        put(store, number, "bills" if number == 2 else ALL)
    assert tick(store, DUE) == 6
    pause(store, held)
    assert store.schedules.take_due(DUE + DAY, 10, [held.value]) == (5, 1)
    assert tick(store, DUE + DAY) == 0
    assert store.pauses.parked([held]) == [1]


def test_one_that_was_set_anew_while_held_back_does_not_run_when_it_was_due_before(store):
    held = put(store)
    assert tick(store, DUE) == 1
    pause(store, ends=DUE + DAY + 60)
    assert tick(store, DUE + DAY) == 0
    weekly = replace(held, cadence=Cadence.WEEKLY)
    first = next_run(weekly, DUE + DAY).due
    assert store.schedules.put(weekly, first, over=held)
    assert tick(store, DUE + DAY + 60) == 0
    assert store.schedules.next_due([weekly]) == [first]
    assert store.schedules.count() == 1
