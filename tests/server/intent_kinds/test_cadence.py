"""A company's schedules agree with its status: given on link, suspended while it is not linked."""

from dataclasses import replace

import pytest

from relay.store.intents.queue import Intent, Priority
from relay.syncs.cadence import next_run
from relay.syncs.definition import Definition
from relay.syncs.policy import Policy, Rule
from relay.syncs.schedule import ALL, SPREAD, Anchor, Cadence, Schedule
from relay.syncs.tracking import COVERED_BY_FIRST
from relay.times import now_ms
from support.parts import company_id, make_event
from support.stored import put_schedule, stored_intent
from workers.intents.kinds import cadence
from workers.intents.kinds.cadence import FIRST_AFTER
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
HOURLY = Schedule(COMPANY, "invoices", Cadence.HOURLY)
POLICY = Schedule(COMPANY, ALL, Cadence.DAILY, spread=SPREAD[Cadence.DAILY], origin="policy")
PERSONS = Schedule(COMPANY, "invoices", Cadence.WEEKLY, Anchor(hour=7), "Europe/London")


def connect(bench, event_type, status, at=0):
    bench.deliver(make_event(event_type, connection=(1, status), at=at))
    bench.drain()


def do(bench, **args):
    intent = Intent(f"cadence:{COMPANY}", 1, COMPANY, 1, 0, args, "msg_1", Priority.LINK)
    return cadence.run(bench.context, intent)


def told(bench):
    """Each event of schedules and missed periods, by its kind and reason."""
    bench.drain()
    return [
        (kind, data["reason"])
        for kind, data in bench.log()
        if kind.startswith("schedule.") or kind == "sync.missed"
    ]


def held(bench, wanted):
    """Let the company have this schedule as it stands long after its link."""
    assert put_schedule(bench.store, wanted, next_run(wanted, now_ms() // 1000).due, over=None)
    return wanted


def test_the_first_run_leaves_codats_own_first_sync_alone(bench):
    connect(bench, "connection.connected", "Linked")
    before = now_ms() // 1000
    assert do(bench).kind is ResultKind.DONE
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
    put_schedule(bench.store, replace(PERSONS, data_type=ALL), None, over=None)
    ended = do(bench)
    assert (ended.kind, ended.expected) == (ResultKind.LATER, True)
    monkeypatch.undo()
    assert bench.store.schedules.of(COMPANY)[ALL].origin == "person"


def test_a_company_that_we_do_not_hold_needs_nothing(bench):
    assert do(bench).kind is ResultKind.DONE
    assert bench.store.schedules.count() == 0


def test_only_a_change_of_the_cadence_is_logged(bench, monkeypatch):
    """Also when it is killed after its write, and begins again."""
    monkeypatch.setattr(cadence, "FIRST_AFTER", 0)  # in which a period of today may fall
    connect(bench, "connection.connected", "Linked")
    do(bench)
    assert told(bench) == [("schedule.given", None)]
    assert do(bench).kind is ResultKind.DONE
    assert told(bench) == [("schedule.given", None)]


def test_periods_of_a_suspension_are_logged_despite_a_killed_worker(bench):
    connect(bench, "connection.connected", "Linked")
    asleep = HOURLY.suspend("the company is Unlinked", now_ms() // 1000 - 5 * 3600)
    assert put_schedule(bench.store, asleep, None, over=None)
    do(bench)  # it is killed here, before it ends its intent
    do(bench)
    reasons = [reason for kind, reason in told(bench) if kind == "sync.missed"]
    assert reasons == ["the company is Unlinked"] * 5 + [COVERED_BY_FIRST]


def test_a_deadline_is_watched_even_if_the_worker_died_before_asking(bench):
    connect(bench, "connection.connected", "Linked")
    held(bench, replace(PERSONS, fresh=24))
    do(bench)
    assert stored_intent(bench.store, f"fresh:{COMPANY}")


def test_periods_due_before_a_suspension_are_logged_as_missed(bench):
    connect(bench, "connection.disconnected", "Unlinked")
    assert put_schedule(bench.store, HOURLY, now_ms() // 1000 // 3600 * 3600 - 3600, over=None)
    do(bench)
    assert told(bench) == [
        ("schedule.suspended", "the company is Unlinked"),
        *[("sync.missed", "the company is Unlinked")] * 2,
    ]


def test_codats_first_sync_covers_periods_within_an_hour_of_a_link(bench):
    connect(bench, "connection.connected", "Linked")
    bench.store.policies.put(Policy.of_cadence("hourly"))
    do(bench)
    assert told(bench) == [("schedule.given", None), ("sync.missed", COVERED_BY_FIRST)]


@pytest.mark.parametrize("fresh", [24, 0], ids=["its deadline changes", "its minute changes"])
def test_a_policy_that_is_applied_leaves_no_hour_out(bench, fresh):
    connect(bench, "connection.connected", "Linked")
    now = now_ms() // 1000
    soon = (now // 60 + 20) % 60
    before = replace(POLICY, cadence=Cadence.HOURLY, anchor=Anchor(minute=soon), spread=0)
    held(bench, before)
    other = soon + 5 if soon < 55 else soon - 5  # of the same hour: each has a period
    minute = soon if fresh else other
    rule = Rule(schedule=Definition(cadence="hourly", minute=minute, fresh=fresh))
    bench.store.policies.put(Policy(rules=(rule,)))
    do(bench, apply=True)
    [after] = bench.store.schedules.of(COMPANY).values()
    assert after != before
    assert bench.store.schedules.next_due([after])[0] - now < 3600
    assert "sync.missed" not in [kind for kind, _ in told(bench)]


def test_asked_to_apply_it_brings_the_company_to_the_policy(bench):
    connect(bench, "connection.connected", "Linked")
    do(bench)
    bench.store.policies.put(Policy.of_cadence("weekly"))
    do(bench)
    assert bench.store.schedules.of(COMPANY) == {ALL: POLICY}
    do(bench, apply=True)
    [after] = bench.store.schedules.of(COMPANY).values()
    assert after.cadence is Cadence.WEEKLY


def test_a_policy_file_that_went_bad_is_waited_for_and_then_followed(bench, tmp_path):
    connect(bench, "connection.connected", "Linked")
    file = tmp_path / "policy.toml"
    file.write_text("rules = [")
    settings = bench.settings.model_copy(update={"relay_policy_file": file})
    bench.context = replace(bench.context, settings=settings)
    ended = do(bench)
    assert (ended.kind, ended.expected) == (ResultKind.LATER, True)
    assert "is not TOML" in ended.error
    file.write_text('[[rules]]\nschedule = { cadence = "weekly" }\n')
    assert do(bench).kind is ResultKind.DONE
    assert bench.store.schedules.of(COMPANY)[ALL].cadence is Cadence.WEEKLY
