"""Schedules and the clock's ticks on a real server: each period once, whoever is first."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import orjson
import pytest

from relay.store import keys
from relay.store.intents.queue import Priority
from relay.store.schedules.due import Due, member, stored
from relay.syncs.cadence import next_run
from relay.syncs.catchup import LATE_SPREAD
from relay.syncs.pause import Pause, Scope
from relay.syncs.schedule import ALL, Anchor, Cadence, CatchUp, Schedule
from scheduler import dispatch, maintenance
from scheduler.clock import Clock
from support.parts import SentHints, company_id
from support.stored import put_schedule, remove_schedule

NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
DAY = 86_400


def schedule(number=1, cadence=Cadence.DAILY, **more):
    return Schedule(company_id(number), ALL, cadence, **more)


def put(store, wanted, after=NOW):
    assert put_schedule(store, wanted, next_run(wanted, after).due, over=None)
    return next_run(wanted, after)


def due_syncs(store, now):
    return store.intents.claim(
        now=now * 1000, lease_ms=1000, limit=1000, priorities=tuple(Priority)
    )


def done_syncs(store, now):
    done = due_syncs(store, now)
    for intent in done:
        store.intents.finish(intent, "done", now=now * 1000, lane=0)
    return done


def test_a_schedule_is_read_back_as_it_was_set(store):
    wanted = schedule(anchor=Anchor(minute=5, hour=7), zone="Europe/London", spread=600)
    put(store, wanted)
    assert store.schedules.of(company_id(1)) == {ALL: wanted}
    assert store.schedules.next_due([wanted]) == [next_run(wanted, NOW).due]


def test_a_schedule_changed_meanwhile_is_not_written_over(store):
    first = schedule()
    put(store, first)
    second = schedule(cadence=Cadence.WEEKLY)
    assert not put_schedule(store, second, NOW, over=None)
    assert put_schedule(store, second, NOW, over=first)
    assert put_schedule(store, second, NOW, over=second)
    assert not remove_schedule(store, first)
    assert remove_schedule(store, second)
    assert store.schedules.count() == 0


def test_a_suspended_schedule_is_not_due(store):
    wanted = schedule()
    put(store, wanted)
    assert put_schedule(store, wanted.suspend("unlinked"), None, over=wanted)
    assert store.schedules.due(NOW + 10 * DAY, 10) == []
    assert store.schedules.next_due([wanted]) == [None]


def test_a_due_schedule_becomes_one_sync_intent_named_by_its_period(store):
    run = put(store, schedule())
    assert dispatch.dispatch(store, SentHints(), run.due - 1) == 0
    assert dispatch.dispatch(store, SentHints(), run.due) == 1
    [intent] = due_syncs(store, run.due)
    assert intent.name == f"sync:{company_id(1)}:{ALL}:{run.period}"
    assert intent.args == {"data_type": ALL, "period": run.period}
    assert dispatch.dispatch(store, SentHints(), run.due) == 0


def test_five_schedulers_at_once_dispatch_each_period_once(store):
    runs = [put(store, schedule(n, Cadence.HOURLY, spread=600)) for n in range(300)]
    last = max(run.due for run in runs)
    with ThreadPoolExecutor(5) as pool:
        counts = list(pool.map(lambda _: dispatch.dispatch(store, SentHints(), last), range(5)))
    assert sum(counts) == 300
    names = [intent.name for intent in due_syncs(store, last)]
    assert len(names) == len(set(names)) == 300


def test_a_dispatch_sent_twice_leaves_one_intent(store):
    put(store, schedule())
    due = store.schedules.due(NOW + 10 * DAY, 10)
    batch = [dispatch.dispatch_of(store, one, one.due) for one in due]
    assert store.schedules.dispatch(batch, NOW * 1000)[0] == 1
    assert store.schedules.dispatch(batch, NOW * 1000)[0] == 0


def test_a_late_dispatch_finds_the_schedule_moved_on(store, client):
    """As of a scheduler that was frozen between its look and its write."""
    put(store, schedule())
    due = store.schedules.due(NOW + 10 * DAY, 10)
    frozen = [dispatch.dispatch_of(store, one, one.due) for one in due]
    run = due[0].due
    assert dispatch.dispatch(store, SentHints(), run) == 1
    [intent] = due_syncs(store, run)
    client.delete(keys.INTENT + intent.name)
    before = store.schedules.next_due([schedule()])
    assert store.schedules.dispatch(frozen, NOW * 1000) == (0, [])
    assert store.schedules.next_due([schedule()]) == before


def test_the_same_period_is_not_dispatched_again_although_due_again(store):
    """As when a schedule is set back to an earlier time of the same day."""
    wanted = schedule(anchor=Anchor(hour=13))
    run = put(store, wanted)
    dispatch.dispatch(store, SentHints(), run.due)
    assert put_schedule(store, wanted, run.due, over=wanted)
    assert dispatch.dispatch(store, SentHints(), run.due + 1) == 0
    assert store.schedules.next_due([wanted]) == [run.due + DAY]


def alike(store, count):
    """Many schedules with one plan, and the moment all of them are due."""
    return max(put(store, schedule(n, Cadence.HOURLY, spread=600)).due for n in range(count))


def test_schedules_of_a_known_plan_enqueue_their_syncs_in_pieces(store, client):
    last = alike(store, 700)
    assert dispatch.dispatch(store, SentHints(), last) == 700
    assert client.llen(keys.SYNCS_WAITING) > 0
    assert store.intents.counts()["scheduled"] == 700
    assert store.intents.any_due(last * 1000)
    waiting = {record.name: record for record in store.intent_list.walk("waiting", 1000)}
    assert len(waiting) == 700
    counted = {like: store.intent_list.count("waiting", like) for like in ("*", "sync:*", "info:*")}
    assert counted == {"*": 700, "sync:*": 700, "info:*": 0}
    assert store.intent_list.count("waiting", f"sync:{company_id(7)}:*") == 1
    assert store.intent_list.count("waiting", "sync:*:now-1") == 0
    claimed = due_syncs(store, last)
    assert {intent.name for intent in claimed} == set(waiting)
    assert all(i.args == waiting[i.name].args and i.cause == "schedule" for i in claimed)
    assert client.llen(keys.SYNCS_WAITING) == 0
    assert store.intents.counts()["scheduled"] == 700


def test_schedules_of_many_plans_move_on_together_by_their_calendars(store):
    """Some plans share one, some have one of their own, and ids stand in no plan's order."""
    hourly = Cadence.HOURLY
    plans = [schedule(n, hourly, anchor=Anchor(1 + n % 3), cap=1 + n % 5) for n in range(60)]
    plans += [schedule(n, hourly, anchor=Anchor(4), every=2, fresh=n % 7) for n in range(60, 90)]
    last = max(put(store, plan).due for plan in plans)
    assert dispatch.dispatch(store, SentHints(), last) == 90
    assert len(done_syncs(store, last)) == 90
    for now in (last + 3600, last + 7200):  # the hourly ones alone, then all
        runs = [next_run(plan, now - 1800) for plan in plans]
        wanted = {plan.company_id: run for plan, run in zip(plans, runs, strict=True)
                  if run.due <= now}  # fmt: skip
        assert store.schedules.take_due(now, 100) == (len(wanted), 0)
        done = {intent.company_id: intent.args["period"] for intent in done_syncs(store, now)}
        assert done == {company: run.period for company, run in wanted.items()}
        assert store.schedules.next_due(plans) == [next_run(plan, now).due for plan in plans]
    assert len(wanted) == 90


def test_a_late_one_among_many_on_time_is_looked_at_alone(store, bench):
    last = alike(store, 20)
    dispatch.dispatch(store, SentHints(), last)
    late = schedule(99, Cadence.HOURLY, spread=600)
    put(store, late, NOW - DAY)
    assert dispatch.dispatch(store, SentHints(), last + 3600) == 21
    bench.drain()
    assert [kind for kind, _ in bench.log()].count("sync.missed") >= 23


def test_taking_what_is_due_twice_leaves_each_sync_once(store):
    last = alike(store, 30)
    dispatch.dispatch(store, SentHints(), last)
    again = [store.schedules.take_due(last + 3600, 20) for _ in range(3)]
    assert again == [(20, 0), (10, 0), (0, 0)]
    names = [intent.name for intent in due_syncs(store, last + 3600)]
    assert len(names) == len(set(names)) == 60


def test_a_schedule_changed_after_its_run_does_not_repeat_that_period(store):
    """Although it has no longer the score that said so: it was suspended in between."""
    wanted = schedule(anchor=Anchor(hour=13))
    run = put(store, wanted)
    dispatch.dispatch(store, SentHints(), run.due)
    asleep = wanted.suspend("unlinked")
    assert put_schedule(store, asleep, None, over=wanted)
    later = schedule(anchor=Anchor(hour=15))
    assert put_schedule(store, later, run.due + 7200, over=asleep)
    assert store.schedules.next_due([later]) == [run.due + 7200 + DAY]


def test_an_unrun_schedule_may_move_to_an_earlier_time_of_its_day(store):
    wanted = schedule(anchor=Anchor(hour=15))
    put(store, wanted)
    earlier = schedule(anchor=Anchor(hour=13))
    assert put_schedule(store, earlier, NOW + 3600, over=wanted)
    assert dispatch.dispatch(store, SentHints(), NOW + 3600) == 1


def test_a_schedule_dispatched_before_the_write_is_not_overwritten(store, monkeypatch):
    wanted = schedule(anchor=Anchor(hour=13))
    run = put(store, wanted)
    read = store.schedules._score

    def then_dispatched(*of):
        score = read(*of)
        dispatch.dispatch(store, SentHints(), run.due)
        return score

    monkeypatch.setattr(store.schedules, "_score", then_dispatched)
    assert not put_schedule(store, schedule(), NOW + DAY, over=wanted)


def test_after_downtime_the_latest_period_runs_and_others_are_missed(store, bench):
    run = put(store, schedule())
    back = run.due + 3 * DAY + 5
    hints = SentHints()
    assert dispatch.dispatch(store, hints, back) == 1
    [intent] = due_syncs(store, back)
    assert intent.args["period"] == "2026-03-06"
    assert hints.drained == [store.inbox.lane_of(company_id(1))]
    bench.drain()
    missed = [data["period"] for kind, data in bench.log() if kind == "sync.missed"]
    assert missed == ["2026-03-03", "2026-03-04", "2026-03-05"]


def test_a_new_cadence_forgets_the_last_period(store):
    wanted = schedule(cadence=Cadence.MONTHLY)
    run = put(store, wanted)
    dispatch.dispatch(store, SentHints(), run.due)
    hourly = schedule(cadence=Cadence.HOURLY)
    assert put_schedule(store, hourly, run.due + 60, over=wanted)
    assert dispatch.dispatch(store, SentHints(), run.due + 3700) == 1
    assert due_syncs(store, run.due + 3700)[-1].args["period"] > "2026-04-01T"


def test_what_is_not_to_run_leaves_the_list_of_what_is_due(store, client):
    """As when someone switches a schedule off, or removes it, between our look and our write."""
    off = schedule(off=True)
    put_schedule(store, off, NOW, over=None)
    client.zadd(keys.SCHEDULES_DUE, {f"{company_id(2)}|all|12345678": NOW})
    assert dispatch.dispatch(store, SentHints(), NOW) == 0
    assert store.schedules.count() == 0


def test_all_missed_periods_up_to_the_cap_run_one_after_another(bench):
    store = bench.store
    wanted = schedule(catch_up=CatchUp.ALL, cap=2)
    run = put(store, wanted)
    now = run.due + 3 * DAY
    assert dispatch.dispatch(store, SentHints(), now) == 2
    first = due_syncs(store, now + LATE_SPREAD)
    assert [intent.args["period"] for intent in first] == ["2026-03-05", "2026-03-06"][: len(first)]
    bench.drain()
    missed = [data["period"] for kind, data in bench.log() if kind == "sync.missed"]
    assert missed == ["2026-03-03", "2026-03-04"]


def test_sweeping_hints_forgotten_lanes_and_due_intents(store, bench, monkeypatch):
    from support.parts import make_event

    bench.deliver(make_event("company.created"))
    monkeypatch.setattr(maintenance, "MAX_WAIT_MS", 1)
    time.sleep(0.01)
    hints = SentHints()
    assert maintenance.sweep(store, hints) == 1
    assert hints.drained == [store.inbox.lane_of(company_id(1))]
    bench.deliver(make_event("connection.connected", at=1, connection=(1, "Linked")))
    bench.drain()
    store.intents.hint_taken()
    hints = SentHints()
    maintenance.sweep(store, hints)
    assert hints.performed == 1


def test_missed_message_is_an_action_the_handlers_read(store):
    due = next_run(schedule(), NOW)
    late = Due(schedule().key, due.due, schedule())
    one = dispatch.dispatch_of(store, late, due.due + 2 * DAY)
    assert orjson.loads(one.missed)["payload"]["periods"] == [due.period, "2026-03-04"]


GONE = schedule(1, zone="Gone/Zone")
FAULTY = {
    "a zone that this host does not know": stored(GONE),
    "a cadence of a later version": stored(GONE)[:8] + b'{"c":"yearly"}',
    "no JSON": stored(GONE)[:8] + b"{",
}


@pytest.mark.parametrize("raw", FAULTY.values(), ids=FAULTY.keys())
def test_an_uncomputable_schedule_is_logged_and_blocks_no_other(bench, client, raw):
    store = bench.store
    client.hset(keys.SCHEDULES + company_id(1), ALL, raw)
    client.zadd(keys.SCHEDULES_DUE, {member(company_id(1), ALL, raw): NOW})
    run = put(store, schedule(2))
    assert dispatch.dispatch(store, SentHints(), run.due) == 1
    assert client.zscore(keys.SCHEDULES_DUE, member(company_id(1), ALL, raw)) == run.due + 3600
    bench.drain()
    [(kind, told)] = bench.log()
    assert (kind, told["period"]) == ("sync.missed", "2026-03-02T12Z")
    assert told["reason"].startswith("when this schedule runs cannot be told: ")
    assert dispatch.dispatch(store, SentHints(), run.due + 3600) == 0
    assert dispatch.dispatch(store, SentHints(), run.due + DAY) == 1


def test_what_else_the_clock_does_has_its_turn_between_rounds(bench, monkeypatch):
    store, hints = bench.store, SentHints()
    monkeypatch.setattr(dispatch, "ROUND_SECONDS", 0.0)
    last = alike(store, 700)
    clock = Clock(bench.settings, store, hints)
    monkeypatch.setattr(store, "time", lambda: last)
    begun, ticked = [], clock._look_after_the_rest

    def noted():
        clock.last_tick = 0.0
        ticked()
        begun.append((clock.last_tick > 0, store.intents.counts()["scheduled"]))
        assert "scheduler" in store.heartbeats()
        store.client.delete(keys.HEARTBEATS)
        store.intents.hint_taken()

    monkeypatch.setattr(clock, "_look_after_the_rest", noted)
    clock.tick()
    left = [scheduled for alive, scheduled in begun if alive]
    assert left[0] == 0
    assert left[-1] == 700
    assert len(left) == len(begun) > 2
    assert hints.performed > 1


def test_a_pause_that_begins_during_a_dispatch_holds_back_the_rest(store, monkeypatch):
    monkeypatch.setattr(dispatch, "ROUND_SECONDS", 0.0)
    last = alike(store, 700)

    def begun():
        everything = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", NOW, on=True)
        store.pauses.write(everything, over=None, at=NOW)
        return last

    left = dispatch.dispatch(store, SentHints(), last, begun)
    assert 0 < left < 700
    assert store.pauses.parked(store.pauses.all()) == [700 - left]


def test_more_known_plans_than_a_batch_holds_all_go_at_once(store):
    """Only the calendars of what is due are sent along, so there may be thousands."""
    count = 2 * dispatch.TAKE_SIZE
    with store.client.pipeline() as pipe:
        for number in range(count):
            wanted = schedule(number, cap=1 + number % 168, fresh=number // 168)
            raw = stored(wanted)
            pipe.hset(keys.SCHEDULES + wanted.company_id, ALL, raw)
            pipe.zadd(keys.SCHEDULES_DUE, {member(wanted.company_id, ALL, raw): NOW + DAY // 2})
        pipe.execute()
    assert dispatch.dispatch(store, SentHints(), NOW + DAY // 2) == count
    taken = [store.schedules.take_due(NOW + DAY // 2 + DAY, dispatch.TAKE_SIZE) for _ in range(3)]
    assert taken == [(dispatch.TAKE_SIZE, 0), (dispatch.TAKE_SIZE, 0), (0, 0)]


def test_a_taking_that_is_sent_twice_leaves_each_sync_once(store, monkeypatch):
    last = alike(store, 30)
    dispatch.dispatch(store, SentHints(), last)
    take = store._scripts.take_due
    twice = lambda *given: [take(*given), take(*given)]  # noqa: E731
    sent = []
    monkeypatch.setattr(store._scripts, "take_due", lambda *given: sent.append(twice(*given)) or 30)
    assert store.schedules.take_due(last + 3600, 50) == (30, 0)
    assert sent == [[30, 0]]
    assert store.intents.counts()["scheduled"] == 60
