"""Dates and counts from outside: what somebody can mean, and what stands for none."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cli.app import main
from codat.answers import Answer
from codat.records import PullOperation
from codat.times import (
    EARLIEST,
    LATEST,
    MAX_COUNT,
    is_plausible,
    parse_http_date,
    parse_moment,
    parse_time,
    read_count,
    read_time,
)
from relay import times
from relay.companies.company import Sync
from relay.delivery.sender import _retry_after
from relay.syncs.data_status import missing_reads
from relay.syncs.pause import Pause, Scope
from relay.syncs.tracking import updated_from_history
from relay.times import FIRST, LAST, iso_from_micros, iso_from_ms, ms_of
from support.commands import commands
from support.every_reader import succeeded
from support.parts import START, company_id, moment
from support.portal_bench import Portal, make_company
from workers.intents.kinds.track import MOST as MOST_OPERATIONS
from workers.intents.kinds.track import _since

NOW = 1_780_000_000.0
FIRST_DAY, LAST_DAY = "2017-01-01T00:00:00Z", "2099-12-31T23:59:59.9999999Z"
NONE = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00-23:59",
    "1753-01-01T00:00:00Z",
    "1970-01-01T00:00:00.000Z",
    "2016-12-31T23:59:59.9999999Z",
    "2017-01-01T00:00:00+00:01",
    "2100-01-01T00:00:00Z",
    "2099-12-31T23:59:59-00:01",
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59+14:00",
    "2026-06-30T23:59:60Z",
    "2026-01-05T09:00:00+24:00",
    "10000-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", NONE)
def test_an_impossible_date_counts_as_none(text):
    assert read_time(text) is None
    at = parse_moment(text, NOW)
    assert at is None or is_plausible(at)


@pytest.mark.parametrize("text", [FIRST_DAY, "2026-01-05T09:00:00.5+23:59", LAST_DAY])
def test_a_plausible_date_is_taken_as_it_stands(text):
    assert read_time(text) == parse_time(text) is not None
    assert is_plausible(read_time(text) / 1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Thu, 99 Foo 2026 25:61:61 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "",
        "GMT",
    ],
)
def test_a_header_dated_so_says_nothing(text):
    assert parse_http_date(text) is None
    assert parse_moment(text, NOW) is None
    assert _retry_after("Thu, 28 May 2026 20:27:00 GMT", text or "x") is None


WAITS = ["-1", "1e400", "nan", "inf", "1e308", "9" * 400, "99999999999", "٣٣", "0001-01-01", *NONE]


@pytest.mark.parametrize("text", WAITS)
def test_no_header_causes_a_wait_of_more_than_a_lifetime(text):
    headers = {"Retry-After": text, "X-Rate-Limit-Reset": text, "X-Rate-Limit-Remaining": "0"}
    answer = Answer("GET", "/companies", 429, headers, b"", NOW)
    assert 0 <= answer.refused_for <= LATEST
    assert answer.rate_limit.reset is None or is_plausible(answer.rate_limit.reset)
    int(answer.refused_for * 1000)


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_a_header_gives_a_plausible_moment_or_none(text):
    for at in (parse_moment(text, NOW), parse_http_date(text)):
        assert at is None or EARLIEST <= at < LATEST


@given(st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=3))
def test_a_count_is_a_whole_number_that_fits(value):
    count = read_count(value)
    assert count is None or (type(count) is int and 0 <= count <= MAX_COUNT)
    if type(value) is int and 0 <= value <= MAX_COUNT:
        assert count == value


@given(st.integers() | st.integers(FIRST - 10, LAST + 10))
def test_every_number_can_be_written_as_a_moment(number):
    micros, ms = iso_from_micros(number), iso_from_ms(number)
    for text in (micros, ms):
        assert datetime.fromisoformat(text).tzinfo is UTC
    if FIRST <= number <= LAST:
        assert parse_time(micros) == number


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_that_is_asked_for_is_one_that_the_server_takes(at):
    assert 1 <= ms_of(at) < 2**53


def test_an_undated_pull_does_not_hide_those_after_it():
    """Codat's history, the newest first: the look back ends with a date, not with none."""

    def pull(number, requested):
        return PullOperation.from_json({"id": company_id(number), "requested": requested})

    told = [NONE[0], moment(60), None, NONE[-6], moment(30), moment(-60), moment(40)]
    pulls = [pull(number, requested) for number, requested in enumerate(told, 1)]
    codat = SimpleNamespace(list_pull_operations=lambda *_, **__: iter(pulls))
    context = SimpleNamespace(codat=codat)
    since = int(START.timestamp() * 1_000_000)
    assert [one.id for one in _since(context, company_id(1), since)] == [
        company_id(number) for number in range(1, 6)
    ]
    assert len(pulls) < MOST_OPERATIONS


@pytest.mark.parametrize("requested", [*NONE, "2090-01-01T00:00:00Z", moment(86_400), moment(30)])
def test_a_syncs_own_pull_counts_whatever_its_date(requested):
    """It is known by its id: otherwise the sync would be told as failed after a day of silence."""
    begun, now = int(START.timestamp() * 1_000_000), int(START.timestamp() + 60) * 1_000_000
    sync = Sync("p", begun, operation_id=company_id(1))

    def pull(number, at, status):
        return PullOperation.from_json({
            "id": company_id(number), "connectionId": company_id(9), "dataType": "invoices",
            "status": status, "requested": at,
        })  # fmt: skip

    before = pull(2, moment(-3600), "FetchError")
    ahead = pull(3, "2090-01-01T00:00:00Z", "Fetching")  # nothing can have begun then
    for own, state in (("Complete", "completed"), ("FetchError", "failed"), ("Queued", "accepted")):
        found = updated_from_history(
            sync, "invoices", [ahead, pull(1, requested, own), before], now
        )
        assert (found.state, found.total) == (state, 1)
        nobodys = updated_from_history(
            replace(sync, operation_id=None), "invoices", [ahead, before], now
        )
        assert nobodys.total == 0


def test_a_read_dated_ahead_hides_none_that_is_not():
    company = make_company(1)
    [connection] = company.connections
    now = int(START.timestamp() * 1_000_000)

    def pull(number, at):
        return PullOperation.from_json({
            "id": company_id(number), "connectionId": connection, "dataType": "invoices",
            "status": "Complete", "requested": at, "completed": at,
        })  # fmt: skip

    found = missing_reads(company, {}, [pull(1, "2090-01-01T00:00:00Z"), pull(2, moment(-60))], now)
    assert [read.at for read in found] == [now - 60_000_000]


@pytest.mark.parametrize("ends", [LATEST, 253_402_300_799, 10**18])
def test_a_pause_beyond_a_lifetime_has_no_end(ends):
    """One that was set so before: its schedules show no runs, but they are shown."""
    portal = Portal()
    portal.hold(make_company(1))
    now = int(time.time())
    pause = Pause("p-1", Scope.EVERYTHING, "", "olga", "x", now, ends, on=True)
    assert pause.until(now) is None
    portal.store.pauses.write(pause, over=None, at=now)
    path = f"/v1/schedules/{company_id(1)}/invoices"
    answer = portal.put(path, json={"cadence": "daily"})
    assert answer.status_code in (200, 201), answer.text
    shown = portal.get(path)
    assert (shown.status_code, shown.json["next_runs"]) == (200, [])
    assert portal.get("/v1/pauses").status_code == 200


@pytest.mark.parametrize("ends", ["2100-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
def test_a_pause_takes_no_such_end(ends):
    body = {"scope": "everything", "reason": "x", "ends": ends}
    answer = Portal().post("/v1/pauses", json=body)
    assert answer.status_code == 422
    assert "leave it out" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        ("2031-03-05T09:00:00Z", "2031-03-05T09:00:00Z"),
        ("2031-03-05T09:00:00.000Z", "2031-03-05T09:00:00Z"),
        ("2031-03-05T09:00:00+05:30", "2031-03-05T03:30:00Z"),
        ("2031-03-05 09:00:00-0500", "2031-03-05T14:00:00Z"),
        ("2031-03-05T09:00", "2031-03-04T19:00:00Z"),
        ("2031-03-05 09:00:00", "2031-03-04T19:00:00Z"),
        ("2031-03-05", "2031-03-04T10:00:00Z"),
    ],
)
def test_an_end_is_read_as_answers_show_it_or_in_local_time(until, ends, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        with commands(Portal()) as run:
            words = ("pause", "set", "everything", "--reason", "x", "--until", until, "--json")
            shown = json.loads(succeeded(run(*words)))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert parse_time(shown["ends"]) == parse_time(ends)


def test_a_date_to_come_back_at_counts_from_the_servers_clock():
    """Where the answer has no date of its own, and this machine's clock is months ahead."""
    try:
        times.follow(NOW, times.steady_ns())
        wait = _retry_after("Thu, 28 May 2026 22:00:00 GMT", None)  # an hour and a half later
    finally:
        times.forget_server()
    assert wait is not None
    assert 0 < wait < 6000


@pytest.mark.parametrize("until", ["0001-01-01", "0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_the_command_line_says_what_is_wrong_with_an_end(until, monkeypatch):
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        monkeypatch.setenv("TZ", zone)
        words = ("pause", "set", "everything", "--reason", "x", "--until", until)
        result = CliRunner().invoke(
            main, [*words, "--url", "http://127.0.0.1:9", "--token", "t" * 20]
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code in (2, 3), result.output  # no such moment; or nobody answers
