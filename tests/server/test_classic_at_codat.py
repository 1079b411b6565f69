"""The whole job in the classic generation of Codat's API, with the sandbox's journal as judge."""

import time
from typing import Any

import pytest

from codat.client import Generation
from relay.syncs.schedule import ALL
from support.relays import XERO, Relay, requested

pytestmark = pytest.mark.parametrize("relay", [Generation.CLASSIC], indirect=True)
DUMMY = "Session 20260105 0900"


def asked(relay: Relay, method: str, path: str) -> list[dict[str, Any]]:
    entries = relay.sandbox.journal.after(0, 1_000_000)
    return [e for e in entries if e["kind"] == "api" and (e["method"], e["path"]) == (method, path)]


def create(relay: Relay) -> str:
    more = {"description": "kept", "tags": {"ref": "A-1"}, "platform_key": "gbol"}
    return relay.create(DUMMY, **more)


def test_one_call_creates_a_company_with_its_connection(relay):
    company = create(relay)
    shown = relay.at_codat(company)
    assert [c["status"] for c in shown["dataConnections"]] == ["PendingAuth"]
    assert (shown["status"], shown["description"]) == ("PendingAuth", "kept")
    assert asked(relay, "POST", f"/companies/{company}/connections") == []
    relay.until(lambda: relay.status(company) == "PendingAuth", "the connection")


def test_a_linked_company_gets_info_and_real_name_and_keeps_the_rest(relay):
    company = create(relay)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.named(company), "the rename")
    shown = relay.at_codat(company)
    held = relay.store.companies.get(company)
    assert (relay.status(company), shown["name"]) == ("Linked", held.name)
    assert shown["name"] != DUMMY
    assert (shown["description"], shown["tags"]) == ("kept", {"ref": "A-1"})
    assert (shown["status"], len(shown["dataConnections"])) == ("Linked", 1)
    assert held.info["companyName"] or held.info["companyLegalName"]
    assert len(asked(relay, "PUT", "/companies")) == 1
    assert relay.journal("PATCH", company) == []
    [renamed] = [data for kind, data in relay.told(company) if kind == "company.renamed"]
    assert (renamed["previous"], renamed["current"], renamed["source"]) == (
        DUMMY,
        held.name,
        "codat",
    )


def test_a_rename_whose_answer_was_lost_is_not_written_again(relay):
    company = create(relay)
    relay.fault(kind="lost", method="PUT", path="/companies", count=1)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.named(company), "the rename")
    assert len(asked(relay, "PUT", "/companies")) == 1
    assert relay.at_codat(company)["tags"] == {"ref": "A-1"}


def test_a_name_changed_by_a_person_meanwhile_is_left_alone(relay):
    company = create(relay)
    relay.fault(kind="status", status=503, path="/companies/{id}/data/info", companyId=company)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.journal("GET", company, "/data/info"), "a try for the info")
    relay.control(company, "rename", name="Chosen by Eve")
    relay.heal()
    relay.until(lambda: "company.info_fetched" in relay.types(company), "the info")
    relay.until(lambda: "company.renamed" in relay.types(company), "word of the rename")
    time.sleep(0.3)
    assert relay.at_codat(company)["name"] == "Chosen by Eve"
    assert asked(relay, "PUT", "/companies") == []


def test_a_sync_of_all_and_of_one_type_go_to_the_queue_once_each(relay):
    company = create(relay)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.named(company), "the rename")
    relay.sync_now(company, ALL, times=3)
    relay.until(lambda: requested(relay, company), "the request")
    assert len(relay.journal("POST", company, "/data/queue/all")) == 1
    assert relay.journal("POST", company, "/data/all") == []
    relay.sync_now(company, "invoices")
    relay.until(lambda: relay.journal("POST", company, "/data/queue/invoices"), "the second")
