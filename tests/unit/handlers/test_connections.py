"""A connection's webhooks keep its status true, and a link starts the company's work."""

from itertools import permutations

import pytest

from relay.times import iso_from_ms
from support.folding import (
    RECEIVED,
    action,
    apply,
    company_after,
    logged,
    payload,
    types,
    wanted,
    webhook,
)
from support.parts import connection_id, make_event
from workers.inbox.handlers.connections import INFO_AFTER_LINK, LOOK_AFTER

CREATED = ("connection.created", "PendingAuth", 1)
LINKED = ("connection.connected", "Linked", 2)
UNLINKED = ("connection.disconnected", "Unlinked", 3)
REVOKED = ("connection.disconnected", "Deauthorized", 4)
RELINKED = ("connection.reconnected", "Linked", 5)
DELETED = ("connection.deleted", "Linked", 6)  # its body may say so to the last


def told(event_type, status, at, number=1):
    return webhook(make_event(event_type, connection=(number, status), at=at, id=f"e-{at}"))


def status(company, number=1):
    return company.connections[connection_id(number)].status


STORY = [
    ([CREATED], "PendingAuth", "PendingAuth"),
    ([CREATED, LINKED], "Linked", "Linked"),
    ([CREATED, LINKED, UNLINKED], "Unlinked", "Unlinked"),
    ([CREATED, LINKED, REVOKED], "Deauthorized", "Deauthorised"),
    ([CREATED, LINKED, REVOKED, RELINKED], "Linked", "Linked"),
    ([CREATED, LINKED, DELETED], "deleted", "Blank"),
]


@pytest.mark.parametrize(("events", "connection", "company"), STORY)
def test_a_connection_ends_as_its_latest_event_says_in_any_order(events, connection, company):
    ends = [company_after(*(told(*one) for one in order)) for order in permutations(events)]
    assert {status(end) for end in ends} == {connection}
    assert {end.status for end in ends} == {company}
    assert all(end.connections == ends[0].connections for end in ends)


@pytest.mark.parametrize("event", [LINKED, RELINKED])
def test_a_link_asks_for_info_and_cadence(event):
    assert wanted(apply(None, told(*event))) == {
        "info": INFO_AFTER_LINK,
        "cadence": 0,
        "track": LOOK_AFTER,
    }


@pytest.mark.parametrize("event", [CREATED, UNLINKED, REVOKED, DELETED])
def test_any_other_change_asks_for_the_cadence_alone(event):
    assert wanted(apply(None, told(*event))) == {"cadence": 0}


def test_a_change_is_logged_for_the_connection_and_the_company():
    folded = apply(company_after(told(*LINKED)), told(*REVOKED))
    connection, company = logged(folded)
    assert connection == (
        "connection.status_changed",
        {
            "connection_id": connection_id(1),
            "platform_key": "gbol",
            "platform_name": "Xero",
            "source_type": "Accounting",
            "previous": "Linked",
            "current": "Deauthorized",
            "errors": [],
        },
    )
    assert company == (
        "company.status_changed",
        {"previous": "Linked", "current": "Deauthorised", "needs_attention": True},
    )


def test_a_second_broken_connection_is_logged_as_needing_attention():
    held = company_after(told(*LINKED), told("connection.connected", "Linked", 3, number=2))
    folded = apply(held, told(*REVOKED))
    assert logged(folded)[-1] == (
        "company.status_changed",
        {"previous": "Linked", "current": "Linked", "needs_attention": True},
    )


def test_a_change_to_the_same_status_is_not_logged_again():
    folded = apply(company_after(told(*LINKED)), told(*RELINKED))
    assert types(folded) == []
    assert wanted(folded) == {
        "info": INFO_AFTER_LINK,
        "cadence": 0,
        "track": LOOK_AFTER,
    }


def test_an_older_event_is_logged_as_stale_and_wants_nothing():
    held = company_after(told(*UNLINKED))
    late = webhook(make_event("connection.connected", connection=(1, "Linked"), at=2, id="late"))
    folded = apply(held, late)
    assert logged(folded) == [
        ("webhook.stale", {"event_type": "connection.connected", "event_id": "late"})
    ]
    assert wanted(folded) == {}
    assert folded.company.status == "Unlinked"
    assert folded.company.connections[connection_id(1)].ever_linked


def test_a_failed_link_says_why_and_leaves_the_connection_waiting():
    folded = apply(None, webhook(payload("connection.failed")))
    [failed] = [data for kind, data in logged(folded) if kind == "connection.link_failed"]
    assert (failed["platform_name"], failed["reasons"]) == ("Xero", ["User cancelled"])
    assert folded.company.status == "PendingAuth"
    assert wanted(folded) == {}


def test_a_late_word_of_a_failed_link_is_stale():
    failed = payload("connection.failed")
    held = company_after(webhook(payload("connection.connected")))
    failed["generatedDate"] = "2020-01-01T00:00:00Z"
    folded = apply(held, webhook(failed))
    assert types(folded) == ["webhook.stale"]
    assert folded.company.status == "Linked"


@pytest.mark.parametrize("event_type", [CREATED[0], LINKED[0], UNLINKED[0], "connection.failed"])
@pytest.mark.parametrize("date", ["2024-09-01T23:59:99Z", None, 7, "2999-01-01T00:00:00Z"])
def test_an_event_with_a_bad_date_leads_to_a_reading_at_codat(event_type, date):
    event = make_event(event_type, connection=(1, "Linked")) | {"generatedDate": date}
    folded = apply(None, webhook(event))
    assert "reread" in wanted(folded)
    assert folded.company is None


def test_an_event_of_the_future_freezes_nothing():
    ahead = make_event("connection.connected", connection=(1, "Linked"), name="Ahead")
    held = company_after(
        told(*CREATED), webhook(ahead | {"generatedDate": "2999-01-01T00:00:00Z"}), told(*REVOKED)
    )
    assert (status(held), held.name) == ("Deauthorized", "Company 1")
    a_bit = iso_from_ms(RECEIVED + 300_000)  # our clock may be behind
    assert status(company_after(told(*REVOKED), webhook(ahead | {"generatedDate": a_bit}))) == (
        "Linked"
    )


def test_an_event_without_its_connection_leads_to_a_reading_at_codat():
    folded = apply(None, webhook(make_event("connection.disconnected", at=1)))
    assert wanted(folded) == {"reread": 0, "cadence": 0}
    assert folded.company.connections == {}


def test_a_deleted_connection_stays_deleted_after_older_news():
    folded = apply(company_after(told(*DELETED)), told(*RELINKED))
    assert status(folded.company) == "deleted"
    assert types(folded) == ["webhook.stale"]


def test_another_link_covers_a_scheduled_sync_under_way():
    asked = action(
        "relay.sync_requested", at=10, data_type="all", period="2026-01-05", operation_id=None
    )
    held = company_after(told(*LINKED), asked)
    assert held.syncs["all"].period == "2026-01-05"
    folded = apply(held, told("connection.connected", "Linked", 20, number=2))
    [(period, reason)] = [
        (data["period"], data["reason"]) for kind, data in logged(folded) if kind == "sync.skipped"
    ]
    assert period == "2026-01-05"
    assert "the sync of period first stands for this one" in reason
    assert folded.company.syncs["all"].period == "first"
