"""Comparing one company as held with what Codat shows of it."""

from typing import Any

import pytest

from codat.records import Company as CodatCompany
from relay.companies.company import DELETED, Company, Connection
from relay.companies.drift import DriftKind, differences
from relay.times import iso_from_micros
from support.parts import company_id, connection_id, make_connection


def shown(*connections: dict[str, Any], name: str = "Company 1") -> CodatCompany:
    return CodatCompany.from_json(
        {"id": company_id(1), "name": name, "dataConnections": list(connections)}
    )


def held(status: str = "Linked", name: str = "Company 1") -> Company:
    connection = Connection(connection_id(1), status, (1, "a"))
    return Company(company_id(1), name=name, connections={connection.id: connection})


def kinds(ours: Company | None, codats: CodatCompany) -> list[tuple[str, str]]:
    return [(one.kind, one.event_type) for one in differences(ours, codats)]


def test_what_agrees_shows_no_difference():
    assert kinds(held(), shown(make_connection(1, "Linked"))) == []
    assert kinds(held(DELETED), shown()) == []


@pytest.mark.parametrize(
    ("ours", "codats", "told_by"),
    [
        ("PendingAuth", "Linked", "connection.connected"),
        ("Linked", "Unlinked", "connection.disconnected"),
        ("Linked", "Deauthorized", "connection.disconnected"),
        ("Linked", "SomethingNew", "connection.*"),
    ],
)
def test_another_status_is_a_missed_webhook_of_its_type(ours, codats, told_by):
    assert kinds(held(ours), shown(make_connection(1, codats))) == [(DriftKind.MISSED, told_by)]


def test_connections_only_one_side_has_are_missed_webhooks():
    assert kinds(held(), shown()) == [(DriftKind.MISSED, "connection.deleted")]
    found = kinds(held(), shown(make_connection(1, "Linked"), make_connection(2, "PendingAuth")))
    assert found == [(DriftKind.MISSED, "connection.created")]


def test_no_webhook_reports_a_new_name():
    assert kinds(held(), shown(make_connection(1, "Linked"), name="New")) == [
        (DriftKind.WRONG, "name")
    ]


def test_the_time_of_a_change_is_known_where_codats_record_says_it():
    created = make_connection(2, "PendingAuth")
    linked = make_connection(1, "Linked")
    [new] = differences(held(), shown(linked, created))
    assert iso_from_micros(new.at) == "2026-01-05T09:00:00.000000Z"
    [unlinked] = differences(held(), shown(make_connection(1, "Unlinked")))
    assert unlinked.at is None
    errors = [{"erroredOnUtc": "2026-01-05T10:00:00Z"}, {"erroredOnUtc": None}]
    broken = make_connection(1, "Deauthorized") | {"dataConnectionErrors": errors}
    [revoked] = differences(held(), shown(broken))
    assert iso_from_micros(revoked.at) == "2026-01-05T10:00:00.000000Z"


def test_a_company_we_do_not_hold_is_unknown():
    assert kinds(None, shown()) == [(DriftKind.UNKNOWN, "company.created")]


def test_an_answer_without_connections_says_nothing_of_them():
    silent = CodatCompany.from_json({"id": company_id(1), "name": "Company 1"})
    assert kinds(held(), silent) == []


def test_a_company_held_as_deleted_that_codat_shows_is_wrong():
    gone = held().gone((2, "b"))
    assert (DriftKind.WRONG, "company.deleted") in kinds(gone, shown(make_connection(1, "Linked")))
