"""Schedules fall due once per period, on the wall clocks of every zone and in every odd year."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule, tz
from hypothesis import given
from hypothesis import strategies as st

from relay.syncs.cadence import next_run, run_before, runs
from relay.syncs.schedule import ALL, HOUR_STEPS, SPREAD, Anchor, Cadence, CatchUp, Schedule
from support.parts import company_id
from support.strategies import anchors

HOURLY, DAILY, WEEKLY, MONTHLY = Cadence
DAY = 86_400
LONGEST = {HOURLY: 3600 + 1800, DAILY: 2 * DAY, WEEKLY: 8 * DAY, MONTHLY: 32 * DAY}
ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Africa/Cairo",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
]


def schedule(cadence, zone="UTC", *, number=1, data_type=ALL, spread=0, every=1, **anchor):
    return Schedule(
        company_id(number), data_type, cadence, Anchor(**anchor), zone, spread, every=every
    )


def at(text):
    """The epoch second that ISO text names, in UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def written(run):
    return datetime.fromtimestamp(run.due, UTC).strftime("%Y-%m-%d %H:%M"), run.period


def first(wanted, after, count):
    return [written(run) for run in islice(runs(wanted, at(after)), count)]


NASTY = {
    "London's clocks go forward: 01:30 is left out, and comes after the jump": (
        schedule(DAILY, "Europe/London", hour=1, minute=30),
        "2026-03-28T00:00",
        [
            ("2026-03-28 01:30", "2026-03-28"),
            ("2026-03-29 01:30", "2026-03-29"),
            ("2026-03-30 00:30", "2026-03-30"),
        ],
    ),
    "London's clocks go back: 01:30 is shown twice, and counts the first time": (
        schedule(DAILY, "Europe/London", hour=1, minute=30),
        "2026-10-24T00:00",
        [
            ("2026-10-24 00:30", "2026-10-24"),
            ("2026-10-25 00:30", "2026-10-25"),
            ("2026-10-26 01:30", "2026-10-26"),
        ],
    ),
    "hourly over London's short night": (
        schedule(HOURLY, "Europe/London", minute=15),
        "2026-03-28T23:15",
        [
            ("2026-03-29 00:15", "2026-03-29T00Z"),
            ("2026-03-29 01:15", "2026-03-29T01Z"),
            ("2026-03-29 02:15", "2026-03-29T02Z"),
        ],
    ),
    "hourly over London's long night: both hours called one o'clock have a run": (
        schedule(HOURLY, "Europe/London", minute=15),
        "2026-10-24T23:30",
        [
            ("2026-10-25 00:15", "2026-10-25T00Z"),
            ("2026-10-25 01:15", "2026-10-25T01Z"),
            ("2026-10-25 02:15", "2026-10-25T02Z"),
        ],
    ),
    "New York's clocks go forward": (
        schedule(DAILY, "America/New_York", hour=2, minute=30),
        "2026-03-07T12:00",
        [("2026-03-08 07:30", "2026-03-08"), ("2026-03-09 06:30", "2026-03-09")],
    ),
    "New York's clocks go back": (
        schedule(DAILY, "America/New_York", hour=1, minute=30),
        "2026-10-31T12:00",
        [("2026-11-01 05:30", "2026-11-01"), ("2026-11-02 06:30", "2026-11-02")],
    ),
    "Lord Howe's clocks go forward by half an hour": (
        schedule(DAILY, "Australia/Lord_Howe", hour=2, minute=10),
        "2026-10-03T00:00",
        [("2026-10-03 15:40", "2026-10-04"), ("2026-10-04 15:10", "2026-10-05")],
    ),
    "Lord Howe's hours stand across those of UTC for half of the year": (
        schedule(HOURLY, "Australia/Lord_Howe", minute=5),
        "2026-04-04T13:00",
        [
            ("2026-04-04 13:05", "2026-04-04T13Z"),
            ("2026-04-04 14:05", "2026-04-04T14Z"),
            ("2026-04-04 15:35", "2026-04-04T15Z"),
            ("2026-04-04 16:35", "2026-04-04T16Z"),
        ],
    ),
    "the clocks of Lord Howe leave out a quarter past in an hour of UTC": (
        schedule(HOURLY, "Australia/Lord_Howe", minute=15),
        "2026-10-03T13:50",
        [
            ("2026-10-03 14:45", "2026-10-03T14Z"),
            ("2026-10-03 15:45", "2026-10-03T15Z"),
            ("2026-10-03 16:15", "2026-10-03T16Z"),
        ],
    ),
    "Kathmandu's clocks went forward by a quarter, to the minute of the schedule": (
        schedule(HOURLY, "Asia/Kathmandu", minute=15),
        "1985-12-31T16:50",
        [
            ("1985-12-31 17:45", "1985-12-31T17Z"),
            ("1985-12-31 18:30", "1985-12-31T18Z"),
            ("1985-12-31 19:30", "1985-12-31T19Z"),
        ],
    ),
    "Kathmandu is 5:45 ahead": (
        schedule(DAILY, "Asia/Kathmandu", hour=0, minute=0),
        "2026-01-05T00:00",
        [("2026-01-05 18:15", "2026-01-06"), ("2026-01-06 18:15", "2026-01-07")],
    ),
    "hourly in Kathmandu keeps to its own minute": (
        schedule(HOURLY, "Asia/Kathmandu", minute=0),
        "2026-01-05T00:00",
        [("2026-01-05 00:15", "2026-01-05T00Z"), ("2026-01-05 01:15", "2026-01-05T01Z")],
    ),
    "a day that Apia never had has no run": (
        schedule(DAILY, "Pacific/Apia", hour=9),
        "2011-12-29T00:00",
        [
            ("2011-12-29 19:00", "2011-12-29"),
            ("2011-12-30 19:00", "2011-12-31"),
            ("2011-12-31 19:00", "2012-01-01"),
        ],
    ),
    "a week whose day Apia never had runs the day after": (
        schedule(WEEKLY, "Pacific/Apia", hour=9, weekday=5),
        "2011-12-24T00:00",
        [("2011-12-30 19:00", "2011-W52"), ("2012-01-05 19:00", "2012-W01")],
    ),
    "a month whose day Apia never had runs the day after": (
        schedule(MONTHLY, "Pacific/Apia", hour=9, day=30),
        "2011-12-01T00:00",
        [("2011-12-30 19:00", "2011-12"), ("2012-01-29 19:00", "2012-01")],
    ),
    "Toronto's clocks once went forward from 23:30: that day's run comes after midnight": (
        schedule(DAILY, "America/Toronto", hour=23, minute=45),
        "1919-03-31T04:40",
        [("1919-03-31 04:45", "1919-03-30"), ("1919-04-01 03:45", "1919-03-31")],
    ),
    "a leap day": (
        schedule(DAILY, hour=6),
        "2028-02-28T06:00",
        [("2028-02-29 06:00", "2028-02-29"), ("2028-03-01 06:00", "2028-03-01")],
    ),
    "the 31st is the last day of a short month": (
        schedule(MONTHLY, day=31, hour=3),
        "2027-12-31T03:00",
        [
            ("2028-01-31 03:00", "2028-01"),
            ("2028-02-29 03:00", "2028-02"),
            ("2028-03-31 03:00", "2028-03"),
            ("2028-04-30 03:00", "2028-04"),
        ],
    ),
    "the 29th in a February of 28 days": (
        schedule(MONTHLY, day=29),
        "2026-02-01T00:00",
        [("2026-02-28 00:00", "2026-02"), ("2026-03-29 00:00", "2026-03")],
    ),
    "a year's 53rd ISO week, and the week that holds its last day": (
        schedule(WEEKLY, weekday=7, hour=22),
        "2026-12-26T00:00",
        [
            ("2026-12-27 22:00", "2026-W52"),
            ("2027-01-03 22:00", "2026-W53"),
            ("2027-01-10 22:00", "2027-W01"),
        ],
    ),
    "a week's Monday that is in the year before": (
        schedule(WEEKLY, weekday=1),
        "2025-12-28T00:00",
        [("2025-12-29 00:00", "2026-W01"), ("2026-01-05 00:00", "2026-W02")],
    ),
    "the end of a year comes later west of UTC": (
        schedule(DAILY, "America/New_York", hour=23, minute=59),
        "2026-12-31T05:00",
        [("2027-01-01 04:59", "2026-12-31"), ("2027-01-02 04:59", "2027-01-01")],
    ),
    "every six hours over London's short night": (
        schedule(HOURLY, "Europe/London", hour=1, minute=30, every=6),
        "2026-03-28T20:00",
        [
            ("2026-03-29 01:30", "2026-03-29T01"),
            ("2026-03-29 06:30", "2026-03-29T07"),
            ("2026-03-29 12:30", "2026-03-29T13"),
        ],
    ),
    "every two hours where clocks jump from 23:00 to midnight": (
        schedule(HOURLY, "America/Nuuk", hour=1, minute=15, every=2),
        "2024-03-30T22:00",
        [
            ("2024-03-30 23:15", "2024-03-30T21"),
            ("2024-03-31 01:15", "2024-03-30T23"),
            ("2024-03-31 02:15", "2024-03-31T01"),
        ],
    ),
    "every two hours where Casey's clocks jump from 00:01 to 03:01: 01:15 would come after 03:15": (
        schedule(HOURLY, "Antarctica/Casey", hour=1, minute=15, every=2),
        "2020-10-03T15:00",
        [
            ("2020-10-03 15:15", "2020-10-03T23"),
            ("2020-10-03 16:15", "2020-10-04T03"),
            ("2020-10-03 18:15", "2020-10-04T05"),
        ],
    ),
    "every twelve hours where a day is left out": (
        schedule(HOURLY, "Pacific/Apia", hour=6, every=12),
        "2011-12-29T17:00",
        [
            ("2011-12-30 04:00", "2011-12-29T18"),
            ("2011-12-30 16:00", "2011-12-31T06"),
            ("2011-12-31 04:00", "2011-12-31T18"),
        ],
    ),
    "months over the end of a year": (
        schedule(MONTHLY, day=1),
        "2026-11-15T00:00",
        [("2026-12-01 00:00", "2026-12"), ("2027-01-01 00:00", "2027-01")],
    ),
}


@pytest.mark.parametrize(("wanted", "after", "expected"), NASTY.values(), ids=NASTY.keys())
def test_nasty_days(wanted, after, expected):
    assert first(wanted, after, len(expected)) == expected


some_hours = st.builds(
    Schedule,
    company_id=st.integers(0, 999).map(company_id),
    data_type=st.just(ALL),
    cadence=st.just(HOURLY),
    anchor=anchors,
    zone=st.sampled_from(ZONES),
    spread=st.sampled_from([0, 600, 3600]),
    every=st.sampled_from(HOUR_STEPS[1:]),
)
usual = st.builds(
    Schedule,
    company_id=st.integers(0, 999).map(company_id),
    data_type=st.sampled_from([ALL, "invoices", "company"]),
    cadence=st.sampled_from(Cadence),
    anchor=anchors,
    zone=st.sampled_from(ZONES),
    spread=st.sampled_from([0, 1, 600, 3600, 6 * 3600, DAY, 3 * DAY]),
    origin=st.sampled_from(["person", "policy"]),
    suspended=st.none() | st.text(max_size=20),
    catch_up=st.sampled_from(CatchUp),
    cap=st.integers(1, 168),
    fresh=st.sampled_from([0, 24]),
    off=st.booleans(),
)
schedules = usual | some_hours
moments = st.integers(at("1970-01-03T00:00"), at("2100-01-01T00:00"))


@given(schedules, moments)
def test_runs_and_their_periods_strictly_rise(wanted, after):
    found = list(islice(runs(wanted, after), 40))
    assert found[0].due > after
    assert all(a.due < b.due and a.period < b.period for a, b in pairwise(found))


@given(schedules, moments)
def test_the_run_before_one_is_the_one_it_followed(wanted, after):
    for first, second in pairwise(islice(runs(wanted, after), 20)):
        assert run_before(wanted, second.due) == first


def longest(wanted):
    # Every few hours begins anew each day; one may be left out, or come after a day left out.
    return LONGEST[wanted.cadence] if wanted.every == 1 else 2 * DAY


@given(schedules, moments)
def test_the_next_run_follows_soon_and_leads_on_to_the_one_after(wanted, after):
    """Asked again at each due time, as the clock does, the runs are the same ones."""
    step, asked = after, []
    for _ in range(10):
        asked.append(next_run(wanted, step))
        step = asked[-1].due
    assert asked == list(islice(runs(wanted, after), 10))
    assert asked[0].due - after <= longest(wanted) + wanted.offset
    assert next_run(wanted, asked[0].due - 1) == asked[0]


def days_between(first_run, last_run, zone):
    """The dates a zone's clocks really showed from one run to another, both included."""
    moments = range(first_run.due, last_run.due + 1, 900)
    return {datetime.fromtimestamp(m, zone).date() for m in moments}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", ["2011-12-20T00:00", "2024-02-20T00:00", "2026-03-20T00:00"])
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_each_day_of_a_zones_calendar_has_exactly_one_run(zone, start, hour):
    wanted = schedule(DAILY, zone, hour=hour, minute=30)
    found = list(islice(runs(wanted, at(start)), 30))
    shown = days_between(found[0], found[-1], ZoneInfo(zone))
    assert [run.period for run in found] == sorted(day.isoformat() for day in shown)


@given(usual.map(lambda s: replace(s, cadence=WEEKLY)), moments)
def test_each_week_has_exactly_one_run(wanted, after):
    found = [run.period for run in islice(runs(wanted, after), 110)]
    mondays = [datetime.strptime(f"{period}-1", "%G-W%V-%u") for period in found]
    assert all(b - a == timedelta(days=7) for a, b in pairwise(mondays))


@given(usual.map(lambda s: replace(s, cadence=MONTHLY)), moments)
def test_each_month_has_exactly_one_run(wanted, after):
    found = [run.period for run in islice(runs(wanted, after), 30)]
    months = [int(year) * 12 + int(month) for year, month in (p.split("-") for p in found)]
    assert all(b - a == 1 for a, b in pairwise(months))


@given(usual.map(lambda s: replace(s, cadence=HOURLY)), moments)
def test_each_hour_of_utc_has_exactly_one_run(wanted, after):
    found = list(islice(runs(wanted, after), 60))
    hours = [datetime.strptime(run.period, "%Y-%m-%dT%HZ") for run in found]
    assert all(b - a == timedelta(hours=1) for a, b in pairwise(hours))
    for run, hour in zip(found, hours, strict=True):
        begun = int(hour.replace(tzinfo=UTC).timestamp())
        assert begun <= run.due - wanted.offset < begun + 3600


FREQUENCIES = {DAILY: rrule.DAILY, WEEKLY: rrule.WEEKLY, MONTHLY: rrule.MONTHLY}


@given(
    st.sampled_from([DAILY, WEEKLY, MONTHLY]),
    anchors,
    st.sampled_from(ZONES),
    st.datetimes(datetime(1970, 1, 5), datetime(2098, 1, 1)),
)
def test_dateutil_finds_the_same_wall_clock_times(cadence, anchor, zone, after):
    """dateutil counts the days, and moves left-out times itself: an independent second opinion."""
    wanted = Schedule(company_id(1), ALL, cadence, anchor, zone=zone)
    start = after.replace(hour=anchor.hour, minute=anchor.minute, second=0, microsecond=0)
    rule = {
        DAILY: {},
        WEEKLY: {"byweekday": anchor.weekday - 1},
        # The last of the days up to the one wanted: the 31st is the 30th where there is none.
        MONTHLY: {"bymonthday": range(28, anchor.day + 1), "bysetpos": -1}
        if anchor.day > 28
        else {"bymonthday": anchor.day},
    }[cadence]
    local = tz.gettz(zone)
    there = after.replace(tzinfo=local)
    expected = [
        int(tz.resolve_imaginary(day.replace(tzinfo=local)).timestamp())
        for day in rrule.rrule(
            FREQUENCIES[cadence], dtstart=start - timedelta(days=62), count=150, **rule
        )
    ]
    moment = int(there.timestamp())
    found = [run.due for run in islice(runs(wanted, moment), 12)]
    # A day that is left out shares its time with the day after it.
    assert found == [due for due in dict.fromkeys(expected) if due > moment][:12]


@given(schedules)
def test_the_offset_is_stable_and_within_the_spread(wanted):
    again = Schedule.from_json(wanted.company_id, wanted.data_type, wanted.to_json())
    assert again.offset == wanted.offset
    assert 0 <= wanted.offset < max(wanted.spread, 1)


def test_companies_are_spread_over_the_whole_window():
    offsets = [schedule(DAILY, number=n, spread=SPREAD[DAILY]).offset for n in range(1000)]
    quarters = [4 * offset // SPREAD[DAILY] for offset in offsets]
    assert all(150 < quarters.count(quarter) < 350 for quarter in range(4))


def test_a_companys_data_types_are_spread_too():
    offsets = {schedule(DAILY, data_type=name, spread=3600).offset for name in ("bills", "items")}
    assert len(offsets) == 2


@given(schedules, moments)
def test_an_offset_moves_each_run_and_no_period(wanted, after):
    plain = replace(wanted, spread=0)
    moved = list(islice(runs(wanted, after), 10))
    assert [(run.due - wanted.offset, run.period) for run in moved] == [
        (run.due, run.period) for run in islice(runs(plain, after - wanted.offset), 10)
    ]


@given(schedules)
def test_a_schedule_comes_back_from_json_as_it_was(wanted):
    assert Schedule.from_json(wanted.company_id, wanted.data_type, wanted.to_json()) == wanted


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("minute", -1),
        ("minute", 60),
        ("hour", 24),
        ("weekday", 0),
        ("weekday", 8),
        ("day", 0),
        ("day", 32),
    ],
)
def test_an_anchor_out_of_range_is_refused_by_name(part, value):
    with pytest.raises(ValueError, match=f"^{part} must be between"):
        Anchor(**{part: value})


def test_a_suspended_schedule_says_why_and_resumes():
    wanted = schedule(DAILY)
    stopped = wanted.suspend("the company is Unlinked")
    assert stopped.suspended == "the company is Unlinked"
    assert stopped.suspend(None) == wanted
