"""The drain reads each message's body once, however many steps the message passes."""

import json

import pytest

import codat.webhook
import relay.inbox.message
from support.folding import payload
from support.parts import company_id, make_event


@pytest.fixture
def parsed(monkeypatch):
    """Every body that was parsed as JSON on the way, and every webhook read from one."""
    bodies, webhooks = [], []
    load, parse = codat.webhook.load, relay.inbox.message.parse
    monkeypatch.setattr(codat.webhook, "load", lambda body: bodies.append(body) or load(body))
    monkeypatch.setattr(
        relay.inbox.message, "parse", lambda body: webhooks.append(body) or parse(body)
    )
    return bodies, webhooks


def test_a_webhooks_body_is_parsed_once_in_the_drain(bench, parsed):
    events = [
        make_event("connection.connected", connection=(1, "Linked")),
        payload("read.completed"),
        payload("legacy-DataSyncCompleted"),
        make_event("thing.unknown"),
    ]
    for event in events:
        bench.deliver(event)
    bodies, webhooks = parsed
    bodies.clear()
    webhooks.clear()
    bench.drain()
    assert sorted(bodies) == sorted(webhooks)
    assert len(bodies) == len(events)
    assert len(set(bodies)) == len(events)


def test_a_webhook_about_nobody_is_parsed_once_too(bench, parsed):
    event = make_event("company.created")
    event["payload"]["id"] = None
    bench.deliver(event)
    bodies, _ = parsed
    bodies.clear()
    bench.drain()
    assert len(bodies) == 1
    assert json.loads(bodies[0])["eventType"] == "company.created"
    assert bench.store.companies.get(company_id(1)) is None
