"""What a change of a schedule comes to: no period is passed over without a word, or run twice."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.syncs.cadence import next_run
from relay.syncs.catchup import decide_due
from relay.syncs.change import CHANGED, REMOVED, SWITCHED_OFF, Change, ScheduleState, reschedule
from relay.syncs.missed import MAX_SINGLE
from relay.syncs.schedule import ALL, HOUR_STEPS, Anchor, Cadence, Schedule
from relay.syncs.tracking import COVERED_BY_FIRST
from support.parts import company_id
from support.strategies import anchors

HOUR, DAY = 3600, 86_400
NOW = int(datetime(2026, 3, 2, 12, 10, tzinfo=UTC).timestamp())  # a Monday
NOON = NOW - 600
UNLINKED = "the company is Unlinked"
HOURLY = Schedule(company_id(1), ALL, Cadence.HOURLY)
DAILY = Schedule(company_id(1), ALL, Cadence.DAILY, Anchor(hour=12))


def told(to):
    return [(period, missed.reason) for missed in to.missed for period in missed.periods]


def late(schedule, days=0):
    """A schedule that was due at noon, so many days ago, and has not run."""
    return ScheduleState(schedule, b"x", NOON - days * DAY)


@pytest.mark.parametrize("pause", [None, "p1"])
@pytest.mark.parametrize("score", [NOON, NOON + 0.5, NOON + HOUR])
def test_a_change_that_keeps_the_calendar_stays_due_and_parked(score, pause):
    at = ScheduleState(HOURLY, b"x", score, pause, ("2026-03-01",))
    to = reschedule(at, replace(HOURLY, fresh=24, cap=3), NOW)
    assert (to.score, to.pause, to.ran, to.missed) == (score, pause, ("2026-03-01",), ())


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (replace(DAILY, cadence=Cadence.WEEKLY), CHANGED),
        (replace(DAILY, off=True), SWITCHED_OFF),
        (DAILY.suspend(UNLINKED, NOW), UNLINKED),
        (None, REMOVED),
    ],
    ids=["another cadence", "off", "suspended", "removed"],
)
def test_a_due_period_that_no_run_will_cover_is_logged_as_missed(after, reason):
    to = reschedule(late(DAILY, days=1), after, NOW)
    assert told(to) == [("2026-03-01", reason), ("2026-03-02", reason)]
    assert to.pause is None


def test_a_later_time_of_day_runs_that_day_and_logs_those_missed():
    after = replace(DAILY, anchor=Anchor(hour=15))
    to = reschedule(late(DAILY, days=1), after, NOW)
    assert (to.score, told(to)) == (NOON + 3 * HOUR, [("2026-03-01", CHANGED)])


def test_a_time_of_day_already_past_logs_the_day_as_missed():
    afternoon = replace(DAILY, anchor=Anchor(hour=15))
    at = ScheduleState(afternoon, b"x", NOON + 3 * HOUR)
    to = reschedule(at, replace(DAILY, anchor=Anchor(hour=9)), NOW)
    assert (to.score, told(to)) == (NOON + 21 * HOUR, [("2026-03-02", CHANGED)])


def test_hours_of_another_step_that_were_still_to_come_are_no_loss():
    every_two = replace(HOURLY, every=2)
    at = ScheduleState(every_two, b"x", NOON + 2 * HOUR)
    to = reschedule(at, replace(HOURLY, every=3), NOW)
    assert (to.score, told(to)) == (NOON + 3 * HOUR, [])


def test_codats_first_sync_covers_what_falls_within_an_hour_of_a_link():
    to = reschedule(ScheduleState(), HOURLY, NOW, NOW + HOUR)
    assert (to.score, told(to)) == (NOON + 2 * HOUR, [("2026-03-02T13Z", COVERED_BY_FIRST)])
    assert told(reschedule(ScheduleState(), HOURLY, NOW)) == []


def test_a_return_logs_what_passed_and_what_the_first_sync_covers():
    asleep = HOURLY.suspend(UNLINKED, NOW - 2 * HOUR)
    to = reschedule(ScheduleState(asleep, b"x"), HOURLY, NOW, NOW + HOUR)
    assert told(to) == [
        ("2026-03-02T11Z", UNLINKED),
        ("2026-03-02T12Z", UNLINKED),
        ("2026-03-02T13Z", COVERED_BY_FIRST),
    ]
    assert to.score == NOON + 2 * HOUR


@pytest.mark.parametrize("after", [None, HOURLY.suspend(UNLINKED, NOW)], ids=["removed", "set"])
def test_periods_of_a_suspension_are_logged_at_a_removal_or_reset(after):
    asleep = HOURLY.suspend(UNLINKED, NOW - HOUR)
    assert told(reschedule(ScheduleState(asleep, b"x"), after, NOW)) == [
        ("2026-03-02T12Z", UNLINKED)
    ]


def test_while_a_suspension_goes_on_nothing_is_logged():
    asleep = HOURLY.suspend("the company is Deauthorised", NOW - 5 * HOUR)
    after = asleep.suspend(UNLINKED, asleep.suspended_at)
    assert reschedule(ScheduleState(asleep, b"x"), after, NOW).missed == ()


def test_one_that_a_person_switched_off_has_missed_nothing():
    off = replace(HOURLY, off=True)
    assert reschedule(ScheduleState(off, b"x"), HOURLY, NOW).missed == ()


def test_the_earliest_periods_of_a_long_suspension_are_grouped():
    asleep = HOURLY.suspend(UNLINKED, NOW - 60 * DAY)
    [missed] = reschedule(ScheduleState(asleep, b"x"), HOURLY, NOW).missed
    assert len(missed.periods) == MAX_SINGLE
    assert missed.periods[-1] == "2026-03-02T12Z"
    assert missed.older.number + MAX_SINGLE == 60 * 24


def ran(score, schedule=DAILY):
    return ScheduleState(schedule, b"x", score + 0.5)


@pytest.mark.parametrize(
    "between", [replace(DAILY, cadence=Cadence.WEEKLY), None, replace(DAILY, off=True)]
)
def test_a_period_that_ran_does_not_run_again_after_any_change(between):
    first = reschedule(ran(NOON + DAY), between, NOW)
    at = ScheduleState(between, b"x", first.score, ran=first.ran)
    back = reschedule(at, replace(DAILY, anchor=Anchor(hour=18)), NOW)
    assert back.score == NOON + 30 * HOUR
    assert told(back) == []


def test_a_zone_where_the_day_that_ran_repeats_waits_for_the_next():
    """Also where the run after it was due, and waits under a pause."""
    at = replace(ran(NOON), pause="p1")
    pago = replace(DAILY, zone="Pacific/Pago_Pago", anchor=Anchor(hour=22))
    to = reschedule(at, pago, NOW)
    assert told(to) == []
    assert to.score == next_run(pago, NOW).due
    assert next_run(pago, NOW).period == "2026-03-02"
    again = reschedule(ScheduleState(DAILY, b"x", NOON + DAY + 0.5, "p1"), pago, NOW + DAY)
    assert datetime.fromtimestamp(again.score, UTC).day == 4  # the 3rd, there


def test_a_change_says_what_it_is():
    asleep = DAILY.suspend(UNLINKED, NOW)
    pairs = [(None, DAILY), (DAILY, None), (DAILY, asleep), (asleep, DAILY), (DAILY, HOURLY)]
    kinds = [Change(*pair).kind for pair in pairs]
    assert kinds == ["given", "removed", "suspended", "resumed", "changed"]
    with pytest.raises(ValueError, match="before it, after it"):
        _ = Change(None, None).schedule


calendars = st.builds(
    Schedule,
    st.just(company_id(1)),
    st.just(ALL),
    st.sampled_from(Cadence),
    anchors,
    st.sampled_from(["UTC", "Europe/London", "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
    st.sampled_from([0, 600, 6 * HOUR]),
    every=st.sampled_from(HOUR_STEPS),
)
wakes = st.integers(60, 3 * DAY)
story = st.lists(st.tuples(wakes, st.none() | st.just("tick") | calendars), max_size=12)


@given(calendars, story)
def test_no_changes_repeat_a_period_or_lose_a_due_one(first, acts):
    """Ticks come now and then, and between them it is set anew and removed."""
    now, at, owed, told_of, done = NOW, ScheduleState(), set(), set(), []

    def change(after):
        nonlocal at
        to = reschedule(at, after, now)
        told_of.update(period for missed in to.missed for period in missed.periods)
        at = ScheduleState(after, b"x" if after else b"", to.score, to.pause, to.ran)
        owed.difference_update(still_to_come())  # what it was moved to runs when that is due

    def still_to_come():
        if at.score is None:
            return set()
        coming = next_run(at.schedule, int(at.score) - 1).period
        return {period for period in owed if len(period) == len(coming) and period >= coming}

    change(first)
    for wait, act in acts:
        now += wait
        if at.schedule and at.score is not None:
            run = next_run(at.schedule, int(at.score) - 1)
            while run.due <= now:
                owed.add(run.period)
                run = next_run(at.schedule, run.due)
        if act != "tick":
            change(act)
        elif at.score is not None and at.score <= now:
            turn = decide_due(at.schedule, int(at.score), now)
            done += [run.period for run in turn.runs]
            told_of.update(turn.missed.periods)
            at = replace(at, score=turn.next_due + 0.5)
    assert len(done) == len(set(done))
    assert owed <= told_of | set(done) | still_to_come()
    for one, another in pairwise([p for p in done if len(p) == 10]):
        assert one < another
