"""The day's quota is spent at noon: links go on from the reserve, all else waits for the reset.

The sandbox's day lasts some seconds, so that it ends by itself, as Codat's does.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from relay.inbox.message import Action, action_fields, webhook_fields
from relay.store import keys
from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_micros, now_ms
from sandbox.config import SandboxConfig
from sandbox.server.server import RunningSandbox, start
from support.parts import SECRET, SentHints, drain_all, make_codat, make_event
from workers.context import Context
from workers.intents.perform import perform_due

KEY = "sandbox-key"
DAY = 4  # seconds
QUOTA, RESERVE = 1000, 50
PATIENCE = 30.0  # seconds; only a failing test waits so long


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(
        webhook_secret=SECRET, api_key=KEY, port=0, sync_seconds=0.0, daily_quota=QUOTA,
        quota_day=DAY,
    )  # fmt: skip
    with start(config) as running:
        yield running


@pytest.fixture
def context(store, make_settings, sandbox) -> Context:
    settings = make_settings(codat_webhook_secrets=SECRET, relay_default_cadence="none")
    return Context(settings, store, SentHints(), make_codat(KEY, sandbox.url, store))  # type: ignore[arg-type]


def test_links_go_on_and_all_else_waits_exactly_until_the_reset(context, sandbox):
    customers = [linked(context, sandbox) for _ in range(3)]
    reset = spend_down_to_the_reserve(context, sandbox)
    spent = sandbox.world.quota.used
    waiting = [
        need("sync", customers[0], Priority.NOW, ":invoices:p1"),
        need("sync", customers[1], Priority.SCHEDULED, ":invoices:p1"),
        need("reread", customers[2], Priority.RECONCILE),
    ]
    context.store.intents.put(waiting, now_ms())
    newcomer = linked(context, sandbox)
    held = context.store.companies.get(newcomer)
    assert (held.info is not None, held.name_source) == (True, "codat")
    assert QUOTA - RESERVE <= spent < sandbox.world.quota.used < QUOTA
    records = {one.name: one for one in context.store.intent_list.walk("waiting", 10)}
    assert [records[one.name].attempts for one in waiting] == [0, 0, 0]
    assert time.time() < reset, "the day was over too soon to say anything"
    before = sandbox.journal.last
    work_until(context, lambda: not waiting_names(context))
    calls = [entry for entry in sandbox.journal.after(before) if entry["kind"] == "api"]
    assert {call["companyId"] for call in calls} == set(customers)
    assert all(call["began"] >= reset and call["status"] == 200 for call in calls)
    assert len(calls) == len(waiting)


def test_work_after_a_scheduled_sync_leaves_the_reserve_to_links(context, sandbox):
    """A look at the history, and the info that was read again: of a company known for long."""
    customer = linked(context, sandbox)
    sync = need("sync", customer, Priority.SCHEDULED, ":invoices:p1")
    context.store.intents.put([sync], now_ms())
    perform_due(context)
    drain_all(context)
    reset = spend_down_to_the_reserve(context, sandbox)
    deliver(context, read_of(context, customer))
    fall_due(context)
    before = sandbox.journal.last
    newcomer = linked(context, sandbox)
    assert context.store.companies.get(newcomer).info is not None
    assert time.time() < reset, "the day was over too soon to say anything"
    work_until(context, lambda: not {f"info:{customer}"} & waiting_names(context))
    calls = [entry for entry in sandbox.journal.after(before) if entry["kind"] == "api"]
    mine = [call for call in calls if call["companyId"] == customer]
    assert {call["path"].rpartition("/")[2] for call in mine} == {"history", "info"}
    assert all(call["began"] >= reset for call in mine)
    assert any(call["began"] < reset for call in calls)


def test_with_the_reserve_spent_too_links_wait_for_the_reset(context, sandbox):
    customer = linked(context, sandbox)
    reset = spend_down_to_the_reserve(context, sandbox, left=1)
    context.store.intents.put([need("reread", customer, Priority.LINK)], now_ms())
    context.store.intents.put([need("info", customer, Priority.LINK)], now_ms())
    before = sandbox.journal.last
    work_until(context, lambda: not waiting_names(context))
    calls = [entry for entry in sandbox.journal.after(before) if entry["kind"] == "api"]
    assert [call["status"] for call in calls] == [200, 200]
    assert [call["began"] >= reset for call in calls] == [False, True]


def linked(context: Context, sandbox: RunningSandbox) -> str:
    """Have a company made under a dummy name and linked, and do all that follows."""
    company = str(sandbox.world.create_company("Session").id)
    sandbox.world.authorise(sandbox.world.create_connection(company, "gbol").id)
    facts = {"name": "Session", "placeholder": True}
    action = Action(company, "relay.company_created", company, now_micros(), facts)
    context.store.inbox.ingest(action.id, company, action_fields(action))
    context.store.intents.put([need("reread", company, Priority.LINK)], now_ms())
    while drain_all(context) + perform_due(context):
        pass
    return company


def spend_down_to_the_reserve(
    context: Context, sandbox: RunningSandbox, left: int = RESERVE
) -> float:
    """Have the quota spent early in a day, and hear of it; give when the day ends."""
    quota = sandbox.world.quota
    while quota.resets - time.time() < DAY * 0.7:
        time.sleep(0.05)
        quota.roll(time.time())
    quota.used = QUOTA - left - 1
    context.codat.companies_page(1)  # whose answer tells
    assert context.store.budget.state(now_ms()).remaining == left
    return quota.resets


def read_of(context: Context, company: str) -> dict[str, Any]:
    """Word of a scheduled read of the company's own data."""
    named = {"id": company, "name": context.store.companies.get(company).name}  # type: ignore[union-attr]
    read = {"dataType": "company", "status": "Complete", "recordsModified": False}
    return make_event("read.completed", company=None, referenceCompany=named, dataTypes=[read])


def deliver(context: Context, event: dict[str, Any]) -> None:
    company = event["payload"]["referenceCompany"]["id"]
    fields = webhook_fields(
        source="default", message_id="m", event_type=event["eventType"], company_id=company,
        body=json.dumps(event).encode(),
    )  # fmt: skip
    context.store.inbox.ingest(event["id"], company, fields)
    drain_all(context)


def fall_due(context: Context) -> None:
    """Let the time come of all that waits."""
    for priority in Priority:
        due = f"{keys.INTENTS_DUE}{int(priority)}"
        for name in context.store.client.zrange(due, 0, -1):
            context.store.client.zadd(due, {name: now_ms()})


def waiting_names(context: Context) -> set[str]:
    """What waits, but for looks at the first reads of the links, which are due in a minute."""
    waiting = context.store.intent_list.walk("waiting", 10)
    return {one.name for one in waiting if one.kind != "track"}


def need(kind: str, company: str, priority: Priority, more: str = "") -> NewIntent:
    args = {"data_type": "invoices", "period": "p1"} if kind == "sync" else {}
    return NewIntent(f"{kind}:{company}{more}", company, priority, now_ms(), "test", args)


def work_until(context: Context, met: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        drain_all(context)
        perform_due(context)
        time.sleep(0.01)
