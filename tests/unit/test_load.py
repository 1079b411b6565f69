"""The load by hour counts every run once, and limits that would not cover it are named."""

from datetime import UTC, datetime
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from relay.syncs.cadence import next_run, runs
from relay.syncs.load import HOUR, PlannedRun, SyncCapacity, syncs_per_hour, warnings
from relay.syncs.schedule import ALL, Anchor, Cadence, Schedule
from support.parts import company_id

START = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
kinds = st.builds(
    Schedule,
    company_id=st.integers(0, 99).map(company_id),
    data_type=st.just(ALL),
    cadence=st.sampled_from(Cadence),
    anchor=st.builds(Anchor, hour=st.integers(0, 23), minute=st.integers(0, 59)),
    zone=st.sampled_from(["UTC", "Europe/London", "Asia/Kolkata"]),
    spread=st.sampled_from([0, 600, 3600]),
)


def planned(schedule):
    return PlannedRun(schedule, schedule.key, next_run(schedule, START - 1).due)


@given(st.lists(kinds, max_size=5))
def test_each_run_counts_in_its_hour(schedules):
    end = START + 48 * HOUR
    expected = [0] * 48
    for one in schedules:
        for run in takewhile(lambda run: run.due < end, runs(one, START - 1)):
            expected[(run.due - START) // HOUR] += 1
    assert syncs_per_hour(map(planned, schedules), START, 48) == expected


def test_every_few_hours_and_what_is_late_are_counted():
    wanted = Schedule(company_id(1), ALL, Cadence.HOURLY, Anchor(hour=1), every=6)
    late = PlannedRun(wanted, wanted.key, START - 5 * HOUR)  # at 07:00
    counts = syncs_per_hour([late], START, 24)
    assert [hour for hour, count in enumerate(counts) if count] == [0, 1, 7, 13, 19]


def test_a_load_that_the_limits_cover_is_no_warning():
    assert warnings([10] * 24, SyncCapacity(900, 1)) == []
    assert warnings([], SyncCapacity(900, 0)) == []


def test_an_hour_and_a_day_that_are_too_full_are_named():
    [hour] = warnings([30_000, 0], SyncCapacity(900, 1000))
    assert hour.startswith("The fullest hour holds 30,000 syncs; 900 calls a minute cover 27,000.")
    [day] = warnings([100] * 168, SyncCapacity(900, 3))
    assert day.startswith("The fullest day holds 2,400 syncs, more than the daily quota of 4,000")


def test_the_quota_that_codat_reported_counts_not_its_rule():
    assert SyncCapacity(900, 306, quota=10).day == 5
    [day] = warnings([1] * 24, SyncCapacity(900, 306, quota=10))
    assert "daily quota of 10 requests" in day
