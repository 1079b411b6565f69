"""The whole job against the sandbox over real sockets: link, info, names, syncs, troubles."""

import json
import time

import pytest
import requests

from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.schedule import ALL
from relay.times import now_ms
from scheduler import dispatch
from support.parts import make_event, signed
from support.relays import KEY, XERO, Relay, linked, requested
from support.stored import stored_intent


def test_a_linked_company_gets_its_info_its_real_name_and_its_cadence(relay):
    company = relay.create("Session 20260105 0900", description="kept", tags={"ref": "A-1"})
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: "company.renamed" in relay.types(company), "the rename")
    held = relay.store.companies.get(company)
    assert (held.status, held.name_source) == ("Linked", "codat")
    shown = relay.at_codat(company)
    assert shown["name"] == held.name != "Session 20260105 0900"
    assert (shown["description"], shown["tags"]) == ("kept", {"ref": "A-1"})
    assert len(relay.journal("PATCH", company)) == 1
    assert relay.journal("PUT", company) == []
    assert held.info["companyName"] or held.info["companyLegalName"]
    schedules = relay.until(lambda: relay.store.schedules.of(company), "the cadence")
    assert schedules[ALL].origin == "policy"
    told = relay.types(company)
    story = ["company.created", "company.status_changed", "company.info_fetched", "company.renamed"]
    places = [told.index(kind) for kind in story]
    assert places == sorted(places)
    assert places[0] == 0


def test_a_name_a_person_changed_meanwhile_is_kept_and_logged(relay):
    company = relay.create("Session 2")
    relay.fault(kind="status", status=503, path="/companies/{id}/data/info", companyId=company)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.journal("GET", company, "/data/info"), "a try for the info")
    relay.control(company, "rename", name="Chosen by Eve")
    relay.heal()
    relay.until(lambda: "company.renamed" in relay.types(company), "word of the rename")
    relay.until(lambda: "company.info_fetched" in relay.types(company), "the info")
    time.sleep(0.3)
    assert relay.at_codat(company)["name"] == "Chosen by Eve"
    assert relay.journal("PATCH", company) == []
    [renamed] = [data for kind, data in relay.told(company) if kind == "company.renamed"]
    assert (renamed["current"], renamed["source"]) == ("Chosen by Eve", "person")


def test_a_company_made_elsewhere_keeps_its_name(relay):
    company = relay.create("Bank of Dave", placeholder=False)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: "company.info_fetched" in relay.types(company), "the info")
    time.sleep(0.3)
    assert relay.journal("PATCH", company) == []
    assert relay.store.companies.get(company).name == "Bank of Dave"


def test_names_that_codat_strips_do_not_loop(relay):
    """Ten generated companies, some with characters outside Codat's pattern: one PATCH each."""
    companies = [relay.create(f"Session {n}") for n in range(10)]
    for company in companies:
        relay.control(company, "authorise", **XERO)
    for company in companies:
        relay.until(lambda c=company: relay.named(c), "the rename")
    time.sleep(0.5)
    for company in companies:
        assert len(relay.journal("PATCH", company)) == 1
        held = relay.store.companies.get(company)
        assert relay.at_codat(company)["name"] == held.name
        [renamed] = [d for kind, d in relay.told(company) if kind == "company.renamed"]
        assert renamed["current"] == held.name


def test_a_rename_whose_answer_was_lost_is_not_written_again(relay):
    company = relay.create("Session 3")
    relay.fault(kind="lost", method="PATCH", companyId=company, count=1)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: "company.renamed" in relay.types(company), "the rename")
    assert len(relay.journal("PATCH", company)) == 1
    [renamed] = [d for kind, d in relay.told(company) if kind == "company.renamed"]
    assert (renamed["previous"], renamed["source"]) == ("Session 3", "codat")


def test_a_sync_whose_answer_was_lost_is_found_in_the_history(relay):
    company = linked(relay)
    relay.fault(kind="lost", method="POST", companyId=company, count=1)
    relay.sync_now(company, "invoices")
    data = relay.until(lambda: requested(relay, company), "the request")
    assert data["note"] == "found in Codat's pull history"
    assert len(relay.journal("POST", company, "/data/queue/invoices")) == 1


def test_a_sync_of_all_and_of_one_type_reaches_codat_once_per_period(relay):
    company = linked(relay)
    relay.sync_now(company, ALL, "2026-01-05", times=3)
    relay.until(lambda: requested(relay, company), "the request")
    assert len(relay.journal("POST", company, "/data/all")) == 1
    relay.sync_now(company, "invoices", "2026-01-05")
    data = relay.until(
        lambda: next(
            (d for k, d in relay.told(company)
             if k == "sync.requested" and d["data_type"] == "invoices"), None),
        "the second request",
    )  # fmt: skip
    assert data["operation_id"]


def test_a_sync_that_runs_already_counts_as_this_periods(relay):
    company = linked(relay)
    relay.slow_reads(60.0)
    relay.context.codat.refresh_data_type(company, "invoices")
    relay.sync_now(company, "invoices")
    data = relay.until(lambda: requested(relay, company), "the request")
    assert data["note"] == "a sync was running already"


def test_a_scheduled_sync_reaches_codat(relay):
    company = linked(relay)
    schedules = relay.until(lambda: relay.store.schedules.of(company), "the cadence")
    due = relay.store.schedules.next_due(list(schedules.values()))[0]
    assert dispatch.dispatch(relay.store, relay.context.hints, due - 1) == 0
    assert dispatch.dispatch(relay.store, relay.context.hints, due) == 1
    # The intent is due at that time of the future: make it due now.
    [name] = [n for n in due_names(relay) if n.startswith("sync:")]
    period = name.rpartition(":")[2]
    facts = {"data_type": ALL, "period": period}
    need = NewIntent(name, company, Priority.SCHEDULED, now_ms(), "test", facts)
    relay.store.intents.put([need], now_ms())
    data = relay.until(lambda: requested(relay, company), "the request")
    assert data["period"] == period


def test_nothing_is_asked_for_a_company_that_is_not_linked(relay):
    company = linked(relay)
    relay.control(company, "deauthorise")
    relay.until(lambda: relay.status(company) == "Deauthorised", "the end")
    suspended = relay.until(
        lambda: [s for s in relay.store.schedules.of(company).values() if s.suspended], "suspension"
    )
    assert suspended[0].suspended == "the company is Deauthorised"
    relay.sync_now(company)
    relay.until(lambda: "sync.missed" in relay.types(company), "word of the missed sync")
    assert relay.journal("POST", company, "/data/all") == []
    relay.control(company, "relink")
    relay.until(lambda: relay.status(company) == "Linked", "the relink")
    relay.until(
        lambda: not [s for s in relay.store.schedules.of(company).values() if s.suspended],
        "the cadence coming back",
    )


def test_unlinked_and_deleted_connections_and_companies_end_as_such(relay):
    company = linked(relay)
    relay.control(company, "unlink")
    relay.until(lambda: relay.status(company) == "Unlinked", "the unlink")
    relay.control(company, "delete")
    relay.until(lambda: relay.status(company) == "Deleted", "the end")


def test_a_refused_link_says_why(relay):
    company = relay.create("Session 4")
    relay.control(company, "refuse", **XERO)
    relay.until(lambda: "connection.link_failed" in relay.types(company), "the refusal")
    assert relay.status(company) == "PendingAuth"


TROUBLES = {
    "down": {"kind": "down"},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "429": {"kind": "status", "status": 429, "retryAfter": 1},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "hanging": {"kind": "hang"},
    "half a body": {"kind": "half"},
}


@pytest.mark.parametrize("fault", TROUBLES.values(), ids=TROUBLES.keys())
def test_trouble_at_codat_is_recorded_and_the_work_done_afterwards(relay, fault):
    company = relay.create("Session 5")
    relay.fault(**fault)
    relay.control(company, "authorise", **XERO)
    record = relay.until(
        lambda: (r := stored_intent(relay.store, f"info:{company}")) and r.get("last_error") and r,
        "a record of the trouble",
    )
    assert KEY not in record["last_error"]
    assert "/data/info" in record["last_error"]
    relay.heal()
    relay.until(lambda: relay.named(company), "the rename")
    assert len([k for k in relay.types(company) if k == "company.renamed"]) == 1


def test_no_call_leaves_before_codat_said_it_may(relay):
    company = relay.create("Session 6")
    relay.fault(kind="status", status=429, retryAfter=2, companyId=company, count=1)
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.store.budget.state(1).hold_until > now_ms(), "the hold")
    held = relay.store.budget.state(1).hold_until
    relay.until(lambda: relay.named(company), "the rename")
    first, second, *_ = relay.journal("GET", company, "/data/info")
    assert first["status"] == 429
    assert second["time"] >= held / 1000


def test_info_that_is_not_there_yet_is_asked_for_again_when_it_is(relay):
    relay.slow_reads(2.0)
    company = relay.create("Session 7")
    relay.control(company, "authorise", **XERO)
    relay.until(lambda: relay.status(company) == "Linked", "the link")
    need = NewIntent(f"info:{company}", company, Priority.LINK, now_ms(), "test")
    relay.store.intents.put([need], now_ms())  # too early: Codat answers 409
    relay.until(lambda: relay.journal("GET", company, "/data/info"), "the early try")
    relay.until(lambda: relay.named(company), "the rename")
    statuses = [e["status"] for e in relay.journal("GET", company, "/data/info")]
    assert (statuses[0], statuses[-1], statuses.count(200)) == (409, 200, 1)


def test_a_company_unknown_to_codat_is_logged_once_without_change(relay):
    unknown = "00000000-0000-4000-8000-00000000dead"
    need = NewIntent(f"reread:{unknown}", unknown, Priority.LINK, now_ms(), "test")
    relay.store.intents.put([need], now_ms())
    relay.until(lambda: stored_intent(relay.store, need.name) is None, "the end of the intent")
    time.sleep(0.2)
    assert relay.store.companies.get(unknown) is None


def test_a_reread_heals_what_no_webhook_reported(relay):
    company = linked(relay)
    relay.sandbox.deliver_to("http://127.0.0.1:9/nowhere")
    relay.control(company, "unlink")
    need = NewIntent(f"reread:{company}", company, Priority.LINK, now_ms(), "test")
    relay.store.intents.put([need], now_ms())
    relay.until(lambda: relay.status(company) == "Unlinked", "the healing")


def due_names(relay: Relay) -> list[str]:
    from relay.store import keys

    names = relay.store.client.zrange(f"{keys.INTENTS_DUE}{int(Priority.SCHEDULED)}", 0, -1)
    return [name.decode() for name in names]


def quota(relay: Relay, **figures: int) -> None:
    answer = requests.post(f"{relay.sandbox.url}/sandbox/quota", json=figures, timeout=10)
    assert answer.ok, answer.text


def test_at_the_reserve_links_go_on_and_all_else_waits(relay):
    """At noon the day is nearly spent: five per cent are kept for customers who link now."""
    company = linked(relay)
    quota(relay, daily=1000, used=960)
    relay.at_codat(company)  # one answer, whose headers say so
    assert relay.store.budget.state(now_ms()).spendable == 0
    relay.sync_now(company, "invoices")
    newcomer = relay.create("Session 8")
    relay.control(newcomer, "authorise", **XERO)
    relay.until(lambda: relay.named(newcomer), "the rename of the newcomer")
    assert relay.journal("POST", company, "/data/queue/invoices") == []
    [waiting] = [w for w in relay.store.intent_list.walk("waiting", 10) if w.kind == "sync"]
    assert waiting.attempts == 0
    quota(relay, daily=100_000, used=0)
    relay.at_codat(company)  # the new day's first answer
    relay.until(lambda: requested(relay, company), "the request")


def test_with_the_quota_spent_nothing_is_asked_until_it_is_renewed(relay):
    while now_ms() % 86_400_000 > 86_400_000 - 75_000:
        time.sleep(1)  # so short before midnight the wait may be for the minute's limit, and stays
    company = linked(relay)
    quota(relay, daily=1000, used=1000)
    relay.sync_now(company, "invoices")
    relay.until(lambda: relay.store.budget.state(1).hold_until > now_ms(), "the hold")
    asked = len(relay.journal("POST", company)) + len(relay.journal("GET", company))
    newcomer_waits = NewIntent(f"reread:{company}", company, Priority.LINK, now_ms(), "test")
    relay.store.intents.put([newcomer_waits], now_ms())
    time.sleep(0.5)
    assert len(relay.journal("POST", company)) + len(relay.journal("GET", company)) == asked
    quota(relay, daily=100_000, used=0)
    deliver_reset(relay)
    relay.until(lambda: requested(relay, company), "the request")


def deliver_reset(relay: Relay) -> None:
    """Codat tells that the quota is renewed."""
    event = make_event("client.rateLimit.reset", company=None, dailyQuota=100_000,
                       quotaRemaining=100_000, expiryDate="2099-01-01T00:00:00Z")  # fmt: skip
    body = json.dumps(event).encode()
    assert (
        requests.post(relay.hooks, data=body, headers=signed(body), timeout=10).status_code == 204
    )
