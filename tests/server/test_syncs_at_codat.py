"""Cadences against the sandbox: its journal is the judge of what was asked, the log of why not."""

import time
from dataclasses import replace

import pytest

from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.policy import KEEP_ALIVE
from relay.syncs.schedule import ALL, Anchor, Cadence, Schedule
from relay.times import now_ms
from scheduler import dispatch
from support.portal_bench import Portal
from support.relays import XERO, Relay, linked
from support.stored import put_schedule

DAY = 86_400


def look(relay: Relay, company: str) -> None:
    need = NewIntent(f"track:{company}", company, Priority.NOW, now_ms(), "test")
    relay.store.intents.put([need], now_ms())


def ended(relay: Relay, company: str, data_type: str):
    sync = relay.store.companies.get(company).syncs.get(data_type)
    return sync if sync and not sync.is_open else None


def of_invoices(relay: Relay, company: str) -> list:
    """What was told of them alone: for the cadence given on link, the first sync may stand."""
    return [(k, data) for k, data in relay.told(company) if data.get("data_type") == "invoices"]


def due_at(relay: Relay, company: str, due: int, **more) -> Schedule:
    """Give the company one schedule, due at `due`; Codat's first sync is over."""
    clock = time.gmtime(due)
    wanted = Schedule(
        company, "invoices", Cadence.DAILY, Anchor(clock.tm_min, clock.tm_hour), **more
    )
    assert put_schedule(relay.store, wanted, due, over=None)
    return wanted


def test_codats_own_first_sync_is_followed_to_its_end(relay):
    company = linked(relay)
    look(relay, company)
    sync = relay.until(lambda: ended(relay, company, ALL), "the first sync's end")
    assert (sync.period, sync.state, sync.done) == ("first", "completed", sync.total)
    told = [data for kind, data in relay.told(company) if data.get("data_type") == ALL]
    assert told[-1]["total"] > 3


def test_a_scheduled_sync_is_followed_from_its_period_to_its_outcome(relay):
    company = linked(relay)
    now = int(time.time()) // 60 * 60
    due_at(relay, company, now)
    assert dispatch.dispatch(relay.store, relay.context.hints, now) == 1
    sync = relay.until(lambda: ended(relay, company, "invoices"), "the sync's end")
    period = time.strftime("%Y-%m-%d", time.gmtime(now))
    assert (sync.period, sync.state) == (period, "completed")
    told = [kind for kind, data in of_invoices(relay, company) if data.get("period") == period]
    assert told[:2] == ["sync.requested", "sync.accepted"]
    assert "sync.completed" in told
    assert len(relay.journal("POST", company, "/data/queue/invoices")) == 1


def test_a_failure_at_the_source_is_logged_with_its_period(relay):
    company = linked(relay)
    world = relay.sandbox.world
    with world.lock:
        world.company(company).outcomes["invoices"] = "FetchError"
    relay.sync_now(company, "invoices", "p9")
    sync = relay.until(lambda: ended(relay, company, "invoices"), "the sync's end")
    assert (sync.state, sync.failed) == ("failed", 1)


def test_a_deauthorised_company_logs_every_step_and_gets_no_call(relay):
    company = linked(relay)
    relay.until(lambda: relay.store.schedules.of(company), "the cadence")
    now = int(time.time()) // 60 * 60
    fell_due = now - 7200
    wanted = due_at(relay, company, fell_due + DAY)
    calls = len(relay.journal("POST", company))
    relay.control(company, "deauthorise")
    stopped = relay.until(
        lambda: (s := relay.store.schedules.of(company)["invoices"]).suspended and s, "suspension"
    )
    # It was stopped a minute before it fell due, and a period passes while it is.
    before = replace(stopped, suspended_at=fell_due - 60)
    assert put_schedule(relay.store, before, None, over=stopped)
    assert dispatch.dispatch(relay.store, relay.context.hints, now + DAY) == 0
    assert len(relay.journal("POST", company)) == calls
    relay.control(company, "relink")
    relay.until(
        lambda: relay.store.schedules.of(company)["invoices"] == wanted, "the schedule's return"
    )
    told = relay.until(
        lambda: [data for kind, data in of_invoices(relay, company) if kind == "sync.missed"],
        "the missed period",
    )
    period = time.strftime("%Y-%m-%d", time.gmtime(fell_due))
    assert [(data["period"], data["reason"]) for data in told] == [
        (period, "the company is Deauthorised")
    ]
    relay.control(company, "unlink")
    relay.until(lambda: "schedule.suspended" in relay.types(company)[-4:], "the second suspension")
    kinds = [k for k in relay.types(company) if k.startswith(("schedule.", "company.status"))]
    order = ["schedule.given", "schedule.suspended", "schedule.resumed", "schedule.suspended"]
    assert [k for i, k in enumerate(kinds) if k in order and kinds[i - 1] != k] == order
    [due] = relay.store.schedules.next_due([wanted])
    assert due is None


def test_the_first_sync_after_a_link_is_not_doubled(relay):
    relay.slow_reads(30.0)
    company = relay.create("Session")
    relay.control(company, "authorise", **XERO)
    relay.until(
        lambda: (c := relay.store.companies.get(company)) and c.status == "Linked", "the link"
    )
    facts = {"data_type": ALL, "period": "p1"}
    need = NewIntent(f"sync:{company}:{ALL}:p1", company, Priority.SCHEDULED, now_ms(), "s", facts)
    relay.store.intents.put([need], now_ms())
    told = relay.until(
        lambda: [d for k, d in relay.told(company) if k == "sync.requested"], "the sync's word"
    )
    assert told[0]["note"].startswith("Codat's own first sync")
    assert relay.journal("POST", company, "/data/all") == []


@pytest.mark.parametrize(
    ("platform", "kept"),
    [("gbol", "company"), ("pqsw", "company"), ("suuo", "banking-accounts")],
)
def test_a_company_of_which_a_person_took_all_away_is_kept_alive(relay, platform, kept):
    company = relay.create("Session")
    relay.control(company, "authorise", platformKey=platform)
    schedules = relay.store.schedules
    relay.until(lambda: schedules.of(company), "the cadence")
    portal = Portal(store=relay.store)
    path = f"/v1/schedules/{company}/{ALL}"
    assert portal.put(path, json={"cadence": "daily", "off": True}).status_code == 200
    relay.until(lambda: kept in schedules.of(company), "the keep-alive beside what is off")
    assert portal.delete(path).status_code == 204
    relay.until(lambda: list(schedules.of(company)) == [kept], "the keep-alive alone")
    [alive] = schedules.of(company).values()
    [due] = schedules.next_due([alive])
    assert (alive.cadence, alive.origin) == (Cadence.MONTHLY, KEEP_ALIVE)
    assert 0 < due - time.time() < 62 * DAY
    relay.sync_now(company, kept)
    relay.until(lambda: relay.journal("POST", company, f"/data/queue/{kept}"), "the small sync")
    assert portal.put(path, json={"cadence": "daily"}).status_code == 201
    relay.until(lambda: list(schedules.of(company)) == [ALL], "the end of the keep-alive")


def test_reads_of_a_new_link_are_known_with_every_webhook_lost(relay):
    company = relay.create("Session 14")
    relay.deliver_webhooks(dropShare=1.0)
    relay.control(company, "authorise", **XERO)
    now = now_ms()
    relay.store.intents.put(
        [NewIntent(f"reread:{company}", company, Priority.LINK, now, "test")], now
    )
    relay.until(lambda: relay.status(company) == "Linked", "the link")
    relay.until(lambda: relay.store.companies.get(company).syncs.get(ALL), "the first sync")
    relay.until(lambda: relay.store.companies.get(company).data_types, "the reads")
    look(relay, company)
    sync = relay.until(lambda: ended(relay, company, ALL), "the first sync's end")
    assert (sync.period, sync.state) == ("first", "completed")
    states = relay.store.companies.get(company).data_types
    assert len(states) == sync.total > 3
    assert all(state.last_success for state in states.values() if state.status == "Complete")
    relay.until(lambda: relay.named(company), "the real name")
    told = [data for kind, data in relay.told(company) if kind == "sync.completed"]
    assert {data["source"] for data in told if data["data_type"] != ALL} == {"data_status"}
