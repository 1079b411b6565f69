"""What a due schedule comes to: on time, late by any length, under each catch-up rule."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.syncs.cadence import Run, next_run, runs
from relay.syncs.catchup import CATCH_UP_GAP, GRACE, LATE_SPREAD, decide_due, on_time_slots
from relay.syncs.missed import MAX_SINGLE, Missed
from relay.syncs.schedule import ALL, HOUR_STEPS, Anchor, Cadence, CatchUp, Schedule
from support.parts import company_id
from support.strategies import anchors

DAY = 86_400
NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
ONCE, SKIP, ALL_OF_THEM = CatchUp


def schedule(catch_up=ONCE, cadence=Cadence.DAILY, **more):
    return Schedule(company_id(1), ALL, cadence, catch_up=catch_up, **more)


def days(first, last):
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return tuple(f"{start + timedelta(days=n - 1):%Y-%m-%d}" for n in range(first, last + 1))


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("late", [0, 1, GRACE])
def test_a_run_that_is_on_time_runs_now_whatever_the_rule(catch_up, late):
    wanted = schedule(catch_up, anchor=Anchor(hour=13), spread=1800)
    due = next_run(wanted, NOW)
    turn = decide_due(wanted, due.due, due.due + late)
    assert [(run.due, run.period) for run in turn.runs] == [(due.due + late, due.period)]
    assert (turn.next_due, turn.missed) == (due.due + DAY, Missed())


TWO_DAYS_DOWN = {  # due on the 3rd at midnight, up again on the 5th at noon
    ONCE: (["2026-03-05"], days(3, 4)),
    SKIP: ([], days(3, 5)),
    ALL_OF_THEM: (["2026-03-03", "2026-03-04", "2026-03-05"], ()),
}


@pytest.mark.parametrize("catch_up", CatchUp)
def test_two_days_down_come_to_what_the_rule_says(catch_up):
    wanted = schedule(catch_up)
    due = next_run(wanted, NOW).due
    now = due + 2 * DAY + DAY // 2
    turn = decide_due(wanted, due, now)
    periods, missed = TWO_DAYS_DOWN[catch_up]
    assert ([run.period for run in turn.runs], turn.missed.periods) == (periods, missed)
    assert turn.next_due == due + 3 * DAY
    leaving = [run.due for run in turn.runs]
    assert (
        leaving == [leaving[0] + CATCH_UP_GAP * n for n in range(len(leaving))] if leaving else True
    )
    assert all(now <= at < now + LATE_SPREAD + CATCH_UP_GAP * len(leaving) for at in leaving)


def test_no_more_is_made_up_for_than_the_cap():
    wanted = schedule(ALL_OF_THEM, Cadence.HOURLY, cap=5)
    due = next_run(wanted, NOW).due
    turn = decide_due(wanted, due, due + 2 * DAY)
    assert len(turn.runs) == 5
    assert len(turn.missed.periods) == 49 - 5
    assert turn.runs[-1].period == "2026-03-04T13Z"


def test_of_many_missed_periods_the_earlier_are_logged_together():
    turn = decide_due(schedule(SKIP, Cadence.HOURLY), NOW, NOW + 60 * DAY + DAY // 48)
    assert len(turn.missed.periods) == MAX_SINGLE
    assert turn.missed.older == ("2026-03-02T12Z", "2026-03-20T20Z", 60 * 24 + 1 - MAX_SINGLE)
    assert (turn.missed.periods[0], turn.missed.periods[-1]) == ("2026-03-20T21Z", "2026-05-01T12Z")


def test_many_that_were_held_back_do_not_leave_at_one_moment():
    now = NOW + 3 * DAY
    leaving = set()
    for number in range(300):
        wanted = Schedule(company_id(number), ALL, Cadence.DAILY, Anchor(hour=6))
        [run] = decide_due(wanted, next_run(wanted, NOW).due, now).runs
        leaving.add(run.due)
    assert len(leaving) > 200
    assert max(leaving) < now + LATE_SPREAD


kinds = st.builds(
    Schedule,
    company_id=st.integers(0, 99).map(company_id),
    data_type=st.just(ALL),
    cadence=st.sampled_from(Cadence),
    anchor=st.builds(Anchor, hour=st.integers(0, 23), minute=st.integers(0, 59)),
    zone=st.sampled_from(["UTC", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    spread=st.sampled_from([0, 600, 3600]),
    catch_up=st.sampled_from(CatchUp),
    cap=st.integers(1, 5),
)


@given(kinds, st.lists(st.integers(0, 3 * DAY), max_size=8))
def test_late_ticks_neither_skip_nor_repeat_a_period(wanted, waits):
    due, now = next_run(wanted, NOW).due, NOW
    taken = []
    for wait in waits:
        now = max(now, due) + wait
        turn = decide_due(wanted, due, now)
        taken += [*turn.missed.periods, *(run.period for run in turn.runs)]
        assert turn.next_due > now
        due = turn.next_due
    expected, step = [], NOW
    while taken and (run := next_run(wanted, step)).due <= now:
        expected.append(run.period)
        step = run.due
    assert taken == expected


plans = st.builds(
    Schedule,
    st.just(""),
    st.just(ALL),
    st.sampled_from(Cadence),
    anchors,
    st.sampled_from(
        ["UTC", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
    ),
    st.sampled_from([0, 1, 600, 3600, 6 * 3600, 72 * 3600]),
    every=st.sampled_from(HOUR_STEPS),
)
# Among them the nights in which the clocks of these zones change, and Apia's missing day.
moments = st.integers(NOW, NOW + 400 * DAY) | st.sampled_from(
    [1_774_746_000, 1_792_890_000, 1_791_043_200, 1_775_314_800, 1_325_239_200, 1_325_289_600]
)


@given(plans, moments, st.integers(0, 2 * GRACE), st.integers(0, 50))
def test_a_run_within_a_slot_comes_to_what_a_look_at_it_alone_says(plan, moment, late, number):
    key = f"{company_id(number)}|{ALL}".encode()
    mine = Schedule(company_id(number), *list(_parts(plan))[1:], every=plan.every)
    due = next_run(mine, moment).due
    now = due + late
    turn = decide_due(plan, due, now, key)
    held = [slot for slot in on_time_slots(plan, now) if slot.start <= due < slot.end]
    if not held or late > GRACE:
        assert late > GRACE or plan.spread > 3600 or _uneven(mine, due)
        return
    [slot] = held
    assert turn.runs == (Run(now, slot.period),)
    assert turn.next_due == due + slot.step


def _parts(plan):
    return plan.company_id, plan.data_type, plan.cadence, plan.anchor, plan.zone, plan.spread


def _uneven(plan, due):
    """Whether the runs around here stand at odd distances, as when the clocks change."""
    around = [run.due for run in islice(runs(plan, due - 3 * DAY), 80)]
    return len({b - a for a, b in pairwise(around)}) > 1
