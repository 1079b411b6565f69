"""A sync is requested once for its period, and only of a company that is linked."""

import pytest

from codat.errors import SyncInProgress, Unreachable
from relay.store.intents.queue import Intent, Priority
from relay.syncs.schedule import ALL
from relay.times import iso_from_ms, now_ms
from support.parts import company_id, make_event
from workers.intents.kinds import sync
from workers.intents.kinds.sync import HISTORY, SKEW_MICROS
from workers.intents.retry_policy import ResultKind

COMPANY = company_id(1)
PERIOD = "2026-01-05"


@pytest.fixture
def linked(bench):
    connect(bench, "connection.connected", "Linked")
    return bench


def connect(bench, event_type, status, at=0):
    bench.deliver(make_event(event_type, connection=(1, status), at=at))
    bench.drain()


def do(bench, data_type="invoices", *, created=None, tried=None):
    facts = {"data_type": data_type, "period": PERIOD}
    name = f"sync:{COMPANY}:{data_type}:{PERIOD}"
    created = now_ms() if created is None else created
    scheduled = Priority.SCHEDULED
    intent = Intent(name, 1, COMPANY, 1, created, facts, "schedule", scheduled, tried)
    ended = sync.run(bench.context, intent)
    assert ended.kind is ResultKind.DONE
    assert ended.action.payload["period"] == PERIOD
    assert ended.action.payload["data_type"] == data_type
    return ended.action


def operation(data_type, requested, id="op-1"):
    return {"id": id, "dataType": data_type, "requested": requested}


def test_one_data_type_is_requested_and_logged_with_its_operation(linked):
    told = do(linked)
    assert told.type == "relay.sync_requested"
    assert told.payload["operation_id"]
    assert linked.codat.refreshed == [(COMPANY, "invoices")]


def test_all_data_types_are_requested_without_an_operation(linked):
    """Codat answers 204 without a body (Codat: operation refresh-company-data)."""
    assert do(linked, ALL).payload["operation_id"] is None
    assert linked.codat.refreshed == [(COMPANY, "all")]


ENDS = [
    ("connection.disconnected", "Unlinked", "the company is Unlinked"),
    ("connection.disconnected", "Deauthorized", "the company is Deauthorised"),
    ("connection.deleted", "Linked", "the company is Blank"),
]


@pytest.mark.parametrize(("event_type", "status", "reason"), ENDS)
def test_nothing_is_asked_for_a_company_that_is_not_linked(linked, event_type, status, reason):
    connect(linked, event_type, status, at=1)
    told = do(linked)
    assert (told.type, told.payload["reason"]) == ("relay.sync_missed", reason)
    assert linked.codat.asked == []


def test_nothing_is_asked_for_a_company_that_is_unknown(bench):
    assert do(bench).payload["reason"] == "the company is unknown"
    assert bench.codat.asked == []


def test_a_first_attempt_does_not_look_into_the_history(linked):
    now = now_ms()
    linked.codat.history = [operation("invoices", iso_from_ms(now))]
    do(linked, created=now)
    assert linked.codat.asked == [("refresh_data_type", COMPANY)]


@pytest.mark.parametrize(("data_type", "found"), [("invoices", "op-1"), (ALL, "op-2")])
def test_a_request_whose_answer_was_lost_is_found_in_the_history(linked, data_type, found):
    now = now_ms()
    linked.codat.history = [
        operation("bills", iso_from_ms(now + 20), "op-2"),
        operation("invoices", iso_from_ms(now + 10), "op-1"),
    ]
    told = do(linked, data_type, created=now, tried=now)
    assert told.type == "relay.sync_requested"
    assert told.payload["operation_id"] == found
    assert linked.codat.refreshed == []


def test_a_later_periods_request_does_not_cover_one_given_up(linked):
    week = 7 * 86_400_000
    tried = now_ms() - week
    linked.codat.history = [operation("invoices", iso_from_ms(now_ms()))]
    do(linked, created=tried - week, tried=tried)
    assert linked.codat.refreshed == [(COMPANY, "invoices")]


NOT_OURS = {
    "of another data type": lambda now: operation("bills", iso_from_ms(now + 10)),
    "from before the need arose": lambda now: operation(
        "invoices", iso_from_ms(now - SKEW_MICROS // 1000 - 1000)
    ),
    "of a time that cannot be read": lambda now: operation("invoices", "2026-01-05T09:99:00Z"),
    "of no time": lambda now: operation("invoices", None),
}


@pytest.mark.parametrize("pull", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_a_pull_that_cannot_be_ours_does_not_stand_for_it(linked, pull):
    now = now_ms()
    linked.codat.history = [pull(now)]
    assert "note" not in do(linked, created=now, tried=now).payload
    assert linked.codat.refreshed == [(COMPANY, "invoices")]


def test_a_clock_at_codat_that_is_a_little_behind_is_allowed_for(linked):
    now = now_ms()
    linked.codat.history = [operation("invoices", iso_from_ms(now - SKEW_MICROS // 1000 + 1000))]
    assert do(linked, created=now, tried=now).payload["operation_id"] == "op-1"


def test_only_the_newest_of_the_history_are_looked_at(linked):
    now = now_ms()
    newer = [operation("bills", iso_from_ms(now + 10), f"op-{n}") for n in range(HISTORY)]
    linked.codat.history = [*newer, operation("invoices", iso_from_ms(now + 5), "too-far")]
    do(linked, created=now, tried=now)
    assert linked.codat.refreshed == [(COMPANY, "invoices")]


@pytest.mark.parametrize("error", [SyncInProgress("running"), Unreachable("lost")])
def test_trouble_is_judged_elsewhere(linked, error):
    linked.codat.failing = lambda operation, company: error
    with pytest.raises(type(error)):
        do(linked)
