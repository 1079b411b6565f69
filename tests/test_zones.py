"""A schedule in each zone there is, over ten years, against an independent calculation.

One zone in forty is tried, unless RELAY_ALL_ZONES is set.
"""

import os
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zlib import crc32
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz

from parts import company_id
from relay.cadence import ALL, Anchor, Cadence, Schedule, runs
from relay.definition import known_zone
from relay.definition import zones as all_zones

FIRST, LAST = date(2020, 1, 1), date(2030, 1, 1)
CLOCKS = [(0, 0), (2, 30)]  # midnight, where some zones change, and where most do


def zones():
    every = sorted(all_zones())
    if os.environ.get("RELAY_ALL_ZONES"):
        return every
    return [name for name in every if crc32(name.encode()) % 40 == 0]


def independent(name, hour, minute):
    """Each day's moment by dateutil: what is left out moves forward, what is shown twice counts
    the first time."""
    zone = tz.gettz(name)
    day = FIRST
    while day < LAST:
        shown = tz.resolve_imaginary(
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        )
        yield int(shown.astimezone(UTC).timestamp()), day.isoformat()
        day += timedelta(days=1)


@pytest.mark.parametrize("name", zones())
def test_a_daily_schedule_agrees_with_dateutil_over_ten_years(name):
    for hour, minute in CLOCKS:
        wanted = Schedule(company_id(1), ALL, Cadence.DAILY, Anchor(minute, hour), name)
        expected = list(independent(name, hour, minute))
        found = islice(runs(wanted, expected[0][0] - 1), len(expected))
        assert [tuple(run) for run in found] == expected


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "posix/Europe/London", ""])
def test_what_is_not_the_same_place_on_every_host_is_no_zone(name):
    with pytest.raises(ValueError, match="must be a time zone's name"):
        known_zone(name)


def test_every_zone_that_is_taken_can_be_reckoned_with():
    for name in all_zones():
        assert ZoneInfo(name).utcoffset(datetime(2026, 1, 1)) is not None
