"""Pauses on a real server: what they hold back, what becomes of it, and what the log says."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from relay.store import keys
from relay.store.intents.queue import Intent, NewIntent, Priority
from relay.store.schedules.due import member, stored
from relay.store.store import Store
from relay.syncs.cadence import next_run
from relay.syncs.pause import Pause, Scope, Window
from relay.syncs.schedule import ALL, Cadence, CatchUp, Schedule
from relay.times import now_ms
from scheduler import dispatch, maintenance, pauses
from scheduler.clock import Clock
from support.parts import SentHints, company_id, make_event
from support.stored import put_schedule, remove_schedule, stored_intent
from workers.intents.kinds import sync
from workers.intents.retry_policy import ResultKind

NOW = 1_772_452_800  # Monday 2026-03-02T12:00Z
DAY = 86_400
DUE = NOW + DAY // 2  # when a daily schedule without an anchor falls due
EVERYTHING = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", NOW, on=True)


def put(store, number=1, data_type=ALL, **more):
    wanted = Schedule(company_id(number), data_type, Cadence.DAILY, **more)
    assert put_schedule(store, wanted, next_run(wanted, NOW).due, over=None)
    return wanted


def pause(store, given=EVERYTHING, **changes):
    written = replace(given, **changes)
    assert store.pauses.write(written, over=None, at=written.begins)[0]
    return written


def tick(store, now):
    return dispatch.dispatch(store, SentHints(), now)


def told(bench):
    bench.drain()
    return [(kind, data.get("pause") or data.get("period")) for kind, data in bench.log()]


def test_what_is_due_in_a_pause_waits_and_follows_its_catch_up_rule(bench):
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


def test_a_window_holds_back_while_it_lasts_and_is_logged_each_time(bench):
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


def test_a_schedule_reset_or_removed_in_a_pause_does_not_come_back(store):
    first, second = put(store, 1), put(store, 2)
    held = pause(store, ends=NOW + DAY)
    tick(store, DUE)
    weekly = replace(first, cadence=Cadence.WEEKLY)
    later = NOW + 5 * DAY
    assert put_schedule(store, weekly, later, over=first)
    assert remove_schedule(store, second)
    assert store.pauses.parked([held]) == [0]
    assert tick(store, NOW + DAY) == 0
    assert store.schedules.next_due([weekly, second]) == [later, None]


def test_a_pause_changed_meanwhile_is_not_overwritten_and_logged_once(bench):
    store = bench.store
    pause(store)
    assert store.pauses.write(EVERYTHING, over=None, at=NOW) == (True, True)  # sent twice
    over = EVERYTHING.end(NOW + 5)
    assert store.pauses.write(over, over=EVERYTHING, at=NOW + 5)[0]
    assert not store.pauses.write(EVERYTHING.end(NOW + 9), over=EVERYTHING, at=NOW + 9)[0]
    assert told(bench) == [("pause.started", "p1"), ("pause.ended", "p1")]


@pytest.mark.parametrize(
    ("priority", "ending"),
    [(Priority.SCHEDULED, ResultKind.LATER), (Priority.NOW, ResultKind.DONE)],
)
def test_a_scheduled_sync_still_waits_its_turn_when_the_pause_begins(bench, priority, ending):
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    pause(bench.store, begins=now_ms() // 1000 - 1)
    args = {"data_type": ALL, "period": "p"}
    intent = Intent("sync:x", 1, company_id(1), 1, 0, args, "schedule", priority)
    assert sync.run(bench.context, intent).kind is ending
    assert bool(bench.codat.refreshed) is (ending is ResultKind.DONE)


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


def test_a_schedule_reset_while_held_back_drops_its_old_due_time(store):
    held = put(store)
    assert tick(store, DUE) == 1
    pause(store, ends=DUE + DAY + 60)
    assert tick(store, DUE + DAY) == 0
    weekly = replace(held, cadence=Cadence.WEEKLY)
    first = next_run(weekly, DUE + DAY).due
    assert put_schedule(store, weekly, first, over=held)
    assert tick(store, DUE + DAY + 60) == 0
    assert store.schedules.next_due([weekly]) == [first]
    assert store.schedules.count() == 1


@pytest.mark.parametrize("scope", [Scope.EVERYTHING, Scope.COMPANY])
def test_nothing_is_parked_under_a_pause_that_is_over(store, scope):
    """As nobody would let it go again: it stays due, and the next look finds no pause."""
    put(store)
    value = "" if scope is Scope.EVERYTHING else company_id(1)
    held = pause(store, scope=scope, value=value, ends=DUE + 10)
    seen, due = pauses.follow(store, SentHints(), DUE), store.schedules.due(DUE, 10)
    pauses.follow(store, SentHints(), DUE + 10)
    assert store.pauses.all() == []
    assert pauses.hold_back(store, due, seen) == ([], False)
    assert store.pauses.park_all(held, DUE, 10) is None
    assert store.pauses.parked([held]) == [0]
    assert tick(store, DUE + 10) == 1


@pytest.mark.parametrize("scope", [Scope.EVERYTHING, Scope.DATA_TYPE])
def test_a_pause_that_ends_during_another_parking_loses_no_schedule(store, scope):
    count, schedulers = 900, 3
    with store.client.pipeline() as pipe:
        for number in range(count):
            wanted = Schedule(company_id(number), ALL, Cadence.DAILY)
            raw = stored(wanted)
            pipe.hset(keys.SCHEDULES + wanted.company_id, ALL, raw)
            pipe.zadd(keys.SCHEDULES_DUE, {member(wanted.company_id, ALL, raw): DUE})
        pipe.execute()
    pause(store, scope=scope, value="" if scope is Scope.EVERYTHING else ALL, ends=DUE + 1)
    together = Barrier(schedulers)

    def look(number):
        mine = Store(store.client, store.server)
        together.wait()
        for late in range(3):
            dispatch.dispatch(mine, SentHints(), DUE + min(late, number))

    with ThreadPoolExecutor(schedulers) as pool:
        list(pool.map(look, range(schedulers)))
    tick(store, DUE + 1)
    assert store.pauses.all() == []
    assert store.schedules.count() == count
    assert store.intents.counts()["scheduled"] == count
    assert store.client.keys(keys.PARKED + "*") == []


def test_parked_under_an_unknown_pause_is_released_within_the_hour(bench):
    """As an earlier version could leave it."""
    store = bench.store
    put(store)
    [(name, due)] = store.client.zrange(keys.SCHEDULES_DUE, 0, -1, withscores=True)
    store.client.zadd(keys.PARKED + "gone", {name: due})
    store.client.delete(keys.SCHEDULES_DUE)
    assert tick(store, DUE) == 0
    Clock(bench.settings, store, SentHints()).adopt()
    assert tick(store, DUE) == 1
    assert store.schedules.count() == 1


def test_a_scheduler_unaware_of_a_pause_releases_nothing_under_it(store):
    put(store)
    held = pause(store)
    assert tick(store, DUE) == 0
    assert store.pauses.unpark(held.id, 10, forget=False) == 0
    assert store.pauses.parked([held]) == [1]


def test_pauses_are_reread_only_when_one_has_changed(store, monkeypatch):
    other = Store(store.client, store.server)
    held = pause(other, ends=NOW + DAY)
    assert store.pauses.standing(NOW).on.pauses == (held,)
    read, readings = store.pauses.all, []
    monkeypatch.setattr(store.pauses, "all", lambda: readings.append(1) or read())
    assert store.pauses.standing(NOW + DAY - 1).on.pauses == (held,)
    assert store.pauses.standing(NOW + DAY).on.pauses == ()
    assert readings == []
    second = pause(other, id="p2", scope=Scope.COMPANY, value=company_id(2))
    assert store.pauses.standing(NOW).on.pauses == (held, second)
    other.erasure.forget(company_id(2), "olga")
    assert store.pauses.standing(NOW).on.pauses == (held,)
    tick(other, NOW + DAY)
    assert store.pauses.standing(NOW).on.pauses == ()


def test_an_idle_tick_costs_the_same_with_many_pauses(store):
    def commands():
        return int(store.client.info("stats")["total_commands_processed"])

    def asked():
        tick(store, NOW)
        before = commands()
        tick(store, NOW)
        return commands() - before

    without = asked()
    for number in range(40):
        night = Window("Europe/London", "22:00", "06:00")
        pause(store, id=f"n{number}", scope=Scope.COMPANY, value=company_id(number), window=night,
              on=False)  # fmt: skip
        pause(store, id=f"c{number}", scope=Scope.COMPANY, value=company_id(number))
    assert asked() == without


def test_a_pause_in_an_unknown_zone_stays_and_stops_no_schedule(store):
    put(store, 1)
    put(store, 2)
    lost = Window("Gone/Zone", "22:00", "06:00")
    held = pause(store, scope=Scope.COMPANY, value=company_id(1), window=lost)
    assert tick(store, DUE) == 1
    assert store.pauses.parked([held]) == [1]


def waiting(bench, catch_up, minutes):
    """A sync of company 1 that was left some minutes ago, of an hourly schedule."""
    bench.deliver(make_event("connection.connected", connection=(1, "Linked")))
    bench.drain()
    left = now_ms() - minutes * 60_000
    wanted = Schedule(company_id(1), "invoices", Cadence.HOURLY, catch_up=catch_up)
    assert put_schedule(bench.store, wanted, left // 1000 + 3600, over=None)
    args = {"data_type": "invoices", "period": "p"}
    return Intent("sync:x", 1, company_id(1), 1, left, args, "schedule", Priority.SCHEDULED)


HELD_LONG = [
    (CatchUp.SKIP, 5, None),
    (CatchUp.SKIP, 20, "held back by pause p1 of olga (a migration); missed periods are skipped"),
    (CatchUp.ONCE, 0, None),
    (
        CatchUp.ONCE,
        61,
        "held back by pause p1 of olga (a migration); one sync stands for all missed periods",
    ),
    (CatchUp.ALL, 61, None),
]


@pytest.mark.parametrize(("catch_up", "minutes", "reason"), HELD_LONG)
def test_a_sync_waiting_in_a_pause_expires_by_its_rule(bench, catch_up, minutes, reason):
    intent = waiting(bench, catch_up, minutes)
    pause(bench.store, scope=Scope.COMPANY, value=company_id(1), begins=NOW)
    ended = sync.run(bench.context, intent)
    if reason is None:
        assert (ended.kind, ended.expected) == (ResultKind.LATER, True)
    else:
        assert ended.action.type == "relay.sync_missed"
        assert ended.action.payload == intent.args | {"reason": reason}
    assert bench.codat.refreshed == []


@pytest.mark.parametrize(("catch_up", "minutes", "reason"), HELD_LONG)
def test_a_sync_that_waited_through_a_full_pause_follows_its_rule(bench, catch_up, minutes, reason):
    intent = waiting(bench, catch_up, minutes)
    now = now_ms() // 1000
    pause(bench.store, begins=NOW, ends=now - 1)
    tick(bench.store, now)
    assert bench.store.pauses.all() == []
    told = sync.run(bench.context, intent).action
    assert told.type == ("relay.sync_missed" if reason else "relay.sync_requested")
    assert bool(bench.codat.refreshed) is (reason is None)
    any_pause = reason and reason.replace("pause p1 of olga (a migration)", "a pause of everything")
    assert told.payload.get("reason") == any_pause


def test_a_sync_possibly_requested_already_is_not_logged_as_missed(bench):
    intent = replace(waiting(bench, CatchUp.SKIP, 20), tried=NOW * 1000)
    pause(bench.store, scope=Scope.COMPANY, value=company_id(1), begins=NOW)
    assert sync.run(bench.context, intent).kind is ResultKind.LATER


@pytest.mark.parametrize(
    ("ends_in", "minutes", "shortest", "longest"),
    [(10, 0, 60, 60), (1800, 0, 1700, 1800), (DAY, 0, 3600, 3600), (None, 0, 60, 60),
     (None, 8, 480, 600), (None, 90, 900, 900)],
)  # fmt: skip
def test_a_paused_sync_waits_for_the_end_it_knows_of(bench, ends_in, minutes, shortest, longest):
    intent = waiting(bench, CatchUp.ALL, minutes)
    ends = ends_in and now_ms() // 1000 + ends_in
    pause(bench.store, scope=Scope.COMPANY, value=company_id(1), begins=NOW, ends=ends)
    assert shortest <= sync.run(bench.context, intent).wait <= longest


def test_a_pause_of_everything_stops_only_scheduled_syncs(bench):
    store, now = bench.store, now_ms()
    waiting(bench, CatchUp.ONCE, 0)
    bench.settle()
    args = {"data_type": "invoices", "period": "p1"}
    name = f"sync:{company_id(1)}:invoices:p1"
    needs = [
        NewIntent(name, company_id(1), Priority.SCHEDULED, now, "schedule", args),
        NewIntent(f"fresh:{company_id(1)}", company_id(1), Priority.RECONCILE, now, "test"),
    ]
    store.intents.put(needs, now)
    held = pause(store, begins=now // 1000 - 5)
    assert bench.perform() == 1
    hints = SentHints()
    maintenance.sweep(store, hints)
    assert hints.performed == 0
    assert stored_intent(store, name)["attempts"] == "0"
    over = held.end(now // 1000)
    assert store.pauses.write(over, over=held, at=now // 1000)[0]
    maintenance.sweep(store, hints)
    assert hints.performed == 1
    assert bench.perform() >= 1
    assert bench.codat.refreshed == [(company_id(1), "invoices")]
