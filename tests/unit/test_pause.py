"""What a pause covers, when it is on, and how windows stand on the clocks of a zone."""

from dataclasses import replace
from datetime import datetime

import pytest

from relay.companies.company import Company, Connection
from relay.syncs.pause import Pause, Scope, Window, covering, subjects_of
from support.parts import company_id


def at(text):
    return int(datetime.fromisoformat(text + "+00:00").timestamp())


BEGUN = at("2026-03-01T00:00")
ALL = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", BEGUN)
XERO = Connection("c", "Linked", (1, "e"), "gbol", "Xero", "Accounting")
COMPANY = Company(company_id(1), connections={"c": XERO}, tags={"region": "uk"})


@pytest.mark.parametrize(
    ("scope", "value", "covers"),
    [
        (Scope.EVERYTHING, "", True),
        (Scope.PLATFORM, "GBOL", True),
        (Scope.PLATFORM, "xero", True),
        (Scope.PLATFORM, "qhyg", False),
        (Scope.TAG, "region", True),
        (Scope.TAG, "region=uk", True),
        (Scope.TAG, "region=fr", False),
        (Scope.TAG, "team", False),
        (Scope.COMPANY, company_id(1), True),
        (Scope.COMPANY, company_id(2), False),
        (Scope.DATA_TYPE, "invoices", True),
        (Scope.DATA_TYPE, "all", False),
    ],
)
def test_a_pause_covers_what_its_scope_says(scope, value, covers):
    pause = replace(ALL, scope=scope, value=value)
    assert pause.covers(company_id(1), "invoices", COMPANY) is covers


@pytest.mark.parametrize(
    ("scope", "value"),
    [(Scope.PLATFORM, value) for value in ("GBOL", "xero", "Xero", "qhyg", "x=o")]
    + [(Scope.TAG, value) for value in ("region", "region=", "region=uk", "region=fr", "Region")]
    + [(Scope.TAG, value) for value in ("empty", "empty=", "empty=x", "odd", "odd==a", "odd==")],
)
def test_the_subjects_of_a_company_are_those_that_cover_it(scope, value):
    company = replace(COMPANY, tags={"region": "uk", "empty": "", "odd": "=a"})
    pause = replace(ALL, scope=scope, value=value)
    covers = pause.covers(company.id, "all", company)
    assert (pause.subject in subjects_of(company)) is covers


def test_a_company_that_is_not_held_is_on_no_platform_and_has_no_tag():
    pauses = [replace(ALL, scope=scope, value="x") for scope in (Scope.PLATFORM, Scope.TAG)]
    assert covering(pauses, company_id(1), "all", None) is None
    assert covering([*pauses, ALL], company_id(1), "all", None) is ALL


def test_a_pause_is_on_from_its_beginning_to_its_end():
    pause = replace(ALL, ends=BEGUN + 60)
    assert [pause.is_on(BEGUN + n) for n in (-1, 0, 59, 60)] == [False, True, True, False]
    assert [pause.is_over(BEGUN + n) for n in (59, 60)] == [False, True]
    assert ALL.is_on(BEGUN + 10**9)
    assert ALL.end(BEGUN + 5).is_over(BEGUN + 5)


NIGHT = Window("Europe/London", "22:00", "06:00", (1, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-03-02T21:59", False),  # a Monday
        ("2026-03-02T22:00", True),
        ("2026-03-03T05:59", True),
        ("2026-03-03T06:00", False),
        ("2026-03-07T05:00", True),  # Saturday, in the window that began on Friday
        ("2026-03-07T23:00", False),
        ("2026-03-02T05:00", False),  # Monday, in the one that Sunday did not begin
        ("2026-07-06T21:00", True),  # 22:00 in London's summer
        ("2026-07-06T20:59", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_begins_on(now, holds):
    assert NIGHT.holds(at(now)) is holds


def test_a_window_within_a_day_and_one_that_is_the_whole_day():
    lunch = Window("UTC", "12:00", "13:00")
    assert [lunch.holds(at(f"2026-03-02T{t}")) for t in ("11:59", "12:00", "12:59", "13:00")] == [
        False,
        True,
        True,
        False,
    ]
    sunday = Window("UTC", "00:00", "00:00", (7,))
    days = ["2026-02-28T23:59", "2026-03-01T00:00", "2026-03-01T23:59", "2026-03-02T00:00"]
    assert [sunday.holds(at(day)) for day in days] == [False, True, True, False]


def test_a_pause_comes_back_from_json_as_it_was():
    for pause in (ALL, replace(ALL, window=NIGHT, ends=BEGUN + 5, on=True)):
        assert Pause.from_json(pause.to_json()) == pause


@pytest.mark.parametrize(
    ("window", "now", "until"),
    [
        (NIGHT, "2026-03-02T22:30", "2026-03-03T06:00"),
        (NIGHT, "2026-03-03T05:59", "2026-03-03T06:00"),
        (NIGHT, "2026-07-01T22:30", "2026-07-02T05:00"),  # summer time
        (NIGHT, "2026-03-27T23:00", "2026-03-28T06:00"),
        (Window("UTC", "00:00", "00:00", (6, 7)), "2026-03-07T10:00", "2026-03-09T00:00"),
        (Window("UTC", "09:00", "09:00"), "2026-03-07T10:00", None),
    ],
)
def test_a_window_says_when_it_ends(window, now, until):
    assert window.holds(at(now))
    assert window.until(at(now)) == (until and at(until))
    assert until is None or not window.holds(at(until))


def test_a_pause_lets_go_at_its_end_or_its_windows_whichever_is_first():
    night = replace(ALL, window=NIGHT)
    now, morning = at("2026-03-02T22:30"), at("2026-03-03T06:00")
    assert ALL.until(now) is None
    assert night.until(now) == morning
    assert [replace(night, ends=n).until(now) for n in (now + 60, morning + 1)] == [
        now + 60,
        morning,
    ]
