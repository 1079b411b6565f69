"""Schedules in every zone there is, over ten years, and from 1970 to 2100, against an independent
calculation.

One zone in twenty is tried, and hours for one year, unless RELAY_ALL_ZONES is set (`make zones`).
Of zones whose clocks agree all those years one is tried with hours, all with days.
"""

import os
import subprocess
import sys
import zoneinfo
from calendar import monthrange
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import islice, pairwise
from zlib import crc32
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.syncs.cadence import runs
from relay.syncs.definition import known_zone
from relay.syncs.pause import Window
from relay.syncs.schedule import ALL, HOUR_STEPS, Anchor, Cadence, Schedule
from relay.syncs.zones import names as all_zones
from relay.syncs.zones import zone as zone_of
from support.parts import company_id
from support.paths import ROOT
from support.strategies import anchors
from support.wallclock import DAY, HOUR, wall_clock

ALL_ZONES = bool(os.environ.get("RELAY_ALL_ZONES"))
FIRST, LAST = 2020, 2030
HOURLY, DAILY, WEEKLY, MONTHLY = Cadence
PLAIN = Schedule(company_id(1), ALL, DAILY)
WANTED = {  # midnight, where some zones change; half past two, where most do
    "daily": PLAIN,
    "daily, at night": replace(PLAIN, anchor=Anchor(30, 2)),
    "weekly": replace(PLAIN, cadence=WEEKLY, anchor=Anchor(30, 2, weekday=7)),
    "monthly": replace(PLAIN, cadence=MONTHLY, anchor=Anchor(30, 2, day=31)),
    **{f"every {n} h": replace(PLAIN, cadence=HOURLY, anchor=Anchor(15, 1), every=n)
       for n in HOUR_STEPS[1:]},
    "hourly": replace(PLAIN, cadence=HOURLY, anchor=Anchor(15)),
}  # fmt: skip
log = structlog.get_logger("figures")
tried: Counter[str] = Counter()
clocks: set[tuple[tuple[int, int], ...]] = set()


def zones():
    every = sorted(all_zones())
    return every if ALL_ZONES else [name for name in every if crc32(name.encode()) % 20 == 0]


def independent(wanted, clock, start, end):
    """Each run from one day up to another as (due, period), by the rules that docs/ states.

    One that a jump of hours moves to the next run, or past it, as in Casey in 2020, is left out.
    """
    found = [*each(wanted, clock, start, end + timedelta(days=40))]
    last = datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()
    return [run for run, (due, _) in pairwise(found) if run[0] < min(due, last)]


def each(wanted, clock, start, end):
    a = wanted.anchor
    if wanted.cadence is HOURLY and wanted.every == 1:
        midnight = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
        for hour in range(midnight, midnight + (end - start).days * DAY, HOUR):
            name = datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%dT%HZ")
            yield clock.first_in_hour(hour, a.minute), name
        return
    for day in [start + timedelta(days=n) for n in range((end - start).days)]:
        year, week, weekday = day.isocalendar()
        last = monthrange(day.year, day.month)[1]
        if wanted.cadence is HOURLY:
            for hour in range(a.hour % wanted.every, 24, wanted.every) if clock.shows(day) else ():
                yield clock.first(day, hour, a.minute), f"{day}T{hour:02}"
        elif wanted.cadence is DAILY and clock.shows(day):
            yield clock.first(day, a.hour, a.minute), str(day)
        elif wanted.cadence is WEEKLY and weekday == a.weekday:
            yield clock.first(day, a.hour, a.minute), f"{year:04}-W{week:02}"
        elif wanted.cadence is MONTHLY and day.day == min(a.day, last):
            yield clock.first(day, a.hour, a.minute), f"{day:%Y-%m}"


@pytest.mark.parametrize("name", zones())
def test_each_cadence_agrees_with_a_second_calculation_for_ten_years(name):
    clock = wall_clock(name, FIRST - 1, LAST + 1)
    hours = clock.rules not in clocks
    clocks.add(clock.rules)
    for kind, wanted in WANTED.items():
        if wanted.cadence is HOURLY and not hours:
            continue
        last = LAST if ALL_ZONES or wanted.cadence is not HOURLY else FIRST + 1
        expected = independent(wanted, clock, date(FIRST, 1, 1), date(last, 1, 1))
        found = islice(runs(replace(wanted, zone=name), expected[0][0] - 1), len(expected))
        assert [tuple(run) for run in found] == expected
        tried[kind] += len(expected)
    tried["zones"] += 1
    tried["zones whose clocks differ"] += hours


def test_how_many_runs_were_compared():
    log.info("zones.compared", **tried)
    assert tried


wanteds = st.builds(
    Schedule,
    st.just(company_id(1)),
    st.just(ALL),
    st.sampled_from(Cadence),
    anchors,
    st.sampled_from(
        [
            "UTC",
            "Europe/London",
            "Europe/Dublin",
            "America/New_York",
            "America/St_Johns",
            "America/Sao_Paulo",
            "Africa/Casablanca",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Antarctica/Troll",
            "Pacific/Apia",
        ]
    ),
    every=st.sampled_from(HOUR_STEPS),
)
LENGTH = {HOURLY: 3, DAILY: 60, WEEKLY: 200, MONTHLY: 800}  # days


@settings(max_examples=3 * settings.default.max_examples)
@given(wanteds, st.dates(date(1970, 1, 5), date(2098, 1, 1)), st.data())
def test_any_schedule_agrees_with_a_second_calculation_1970_to_2100(wanted, day, data):
    """Most of all around the nights in which the clocks change."""
    clock = wall_clock(wanted.zone, 1969, 2102)
    nights = [at for at in clock.changes if datetime.fromtimestamp(at, UTC).year < 2098]
    if nights and data.draw(st.booleans()):
        near = datetime.fromtimestamp(data.draw(st.sampled_from(nights)), UTC).date()
        day = max(date(1970, 1, 5), near - timedelta(days=1))
    expected = independent(wanted, clock, day, day + timedelta(days=LENGTH[wanted.cadence]))
    found = islice(runs(wanted, expected[0][0] - 1), len(expected))
    assert [tuple(run) for run in found] == expected


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "posix/Europe/London", ""])
def test_what_is_not_the_same_place_on_every_host_is_no_zone(name):
    with pytest.raises(ValueError, match="must be a time zone's name"):
        known_zone(name)


def test_every_zone_that_is_taken_can_be_reckoned_with():
    for name in all_zones():
        assert zone_of(name).utcoffset(datetime(2026, 1, 1)) is not None
        assert zone_of(name).key == name


@pytest.fixture
def doctored(tmp_path):
    """A host whose time zone data is old: there London has no summer time, nor have others."""
    with (resources.files("tzdata") / "zoneinfo" / "UTC").open("rb") as data:
        plain = data.read()
    for name in all_zones():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(plain)
    zoneinfo.reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    zone_of.cache_clear()
    yield tmp_path
    zoneinfo.reset_tzpath(())
    ZoneInfo.clear_cache()


def test_older_data_of_the_host_does_not_win(doctored):
    july = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
    assert datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/London")).utcoffset() == timedelta()
    six = replace(PLAIN, anchor=Anchor(30, 6), zone="Europe/London")
    assert next(runs(six, july)).due == july + 5 * HOUR + HOUR // 2
    window = Window("Europe/London", "00:00", "02:00")
    assert window.until(july) == july + HOUR
    assert not window.holds(july + HOUR)
    for name, hours in [("America/New_York", -4), ("Asia/Tokyo", 9), ("Africa/Cairo", 3)]:
        moment = datetime(2026, 7, 1, tzinfo=zone_of(name))
        assert moment.utcoffset() == timedelta(hours=hours), name


def test_nor_does_that_of_the_environment(doctored):
    """As a process finds it when it starts."""
    code = (
        "from datetime import datetime; from relay.syncs.zones import zone;"
        "print(datetime(2026, 7, 1, tzinfo=zone('Europe/London')).utcoffset())"
    )
    root = ROOT
    environ = os.environ | {"PYTHONTZPATH": str(doctored), "PYTHONPATH": str(root)}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=doctored, capture_output=True, check=True
    )
    assert shown.stdout.strip() == b"1:00:00"


def test_nobody_reads_zones_but_from_one_place():
    """`ZoneInfo(name)` prefers the host's data."""
    root = ROOT
    packages = ("codat", "relay", "receiver", "workers", "scheduler", "portal", "cli", "sandbox")
    for path in (path for package in packages for path in (root / package).rglob("*.py")):
        if path != root / "relay" / "syncs" / "zones.py":
            assert "ZoneInfo(" not in path.read_text(encoding="utf-8"), path
