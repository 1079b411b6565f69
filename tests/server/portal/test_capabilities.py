"""Nobody is shown a link address, token or code that Codat sent, whatever they ask the API for."""

import json
from typing import Any

import pytest

from codat.answers import Answer
from codat.errors import CodatError
from relay.inbox.replay_filter import MessageFilter
from relay.store import keys
from support.parts import SHARED, Bench, company_id, connection_id, make_event
from support.portal_bench import OPERATOR, VIEWER, Portal

SECRET = "Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7"
LINK = f"https://link-api.codat.io/companies/c/connections/d/start?otp={SECRET}"
REDIRECT = f"https://link.codat.io/company/{SECRET}"
BACK = f"https://app.example.com/back?code={SECRET}"
STREAM = "/v1/events/stream"


def events() -> list[dict[str, Any] | bytes]:
    """Webhooks that hold such things, by the name of a field, within a text, or unreadable."""
    created = make_event("connection.created", connection=(1, "PendingAuth"))
    created["payload"]["connection"]["linkUrl"] = LINK
    failed = make_event("connection.failed", connection=(1, "PendingAuth"), at=1)
    issue = {"statusCode": "403", "errorMessage": f"Not authorised at {LINK}"}
    failed["payload"]["connection"]["dataConnectionErrors"] = [issue]
    read = {"dataType": "bills", "status": "FetchError", "issues": [{"message": f"See {LINK}"}]}
    product = {"productName": REDIRECT, "productId": f"whsec_{SECRET}"}
    return [
        make_event("company.created", redirect=REDIRECT, description=f"Link at {REDIRECT}"),
        created,
        failed,
        make_event("company.product.added", **product),
        make_event("read.completed", dataTypes=[read]),
        make_event("expenses.sync.successful", transactions=[{"accessToken": SECRET, "a": [LINK]}]),
        make_event("bankFeeds.sourceAccount.connected", **{LINK: 1, "links": {"portal": LINK}}),
        make_event("invoices.write.successful", id=SECRET[:8], status=LINK, type=LINK),
        json.dumps(make_event("x", company=None, redirect=REDIRECT)).encode("utf-16"),
        f'{{"eventType":null,"payload":{{"linkUrl":"{LINK}","otp":"{SECRET}"'.encode(),
        f'{{"redirect":"{LINK}"}}'.encode("utf-16"),
        f'{{"redirect":"{LINK}"'.encode("utf-16"),
    ]


RULE = {
    "AlertId": "a-1",
    "RuleType": "Sync Failed",
    "CompanyId": company_id(1),
    "Message": f"Link again at {LINK}",
    "Data": {"syncId": "1", "LinkUrl": LINK, "FailureStage": LINK},
}


def refusal(operation: str, company: str) -> CodatError | None:
    """What our client raises when Codat's words hold a link."""
    body = {"error": f"Ask the customer to link at {LINK}", "correlationId": "c-1"}
    answer = Answer("GET", "/companies/c", 400, {}, json.dumps(body).encode(), 0.0)
    try:
        answer.raise_for_status()
    except CodatError as error:
        return error
    return None


@pytest.fixture
def portal(bench: Bench) -> Portal:
    for one in events():
        assert bench.deliver(one).status == 204
    body = json.dumps(RULE).encode()
    headers = {"content-length": str(len(body)), "authorization": SHARED}
    assert bench.take(headers, body).status == 204
    undated = make_event("connection.connected", connection=(2, "Linked"))
    bench.deliver(undated | {"generatedDate": "soon"})  # leads to a call to Codat
    bench.codat.failing = refusal
    bench.settle()
    made = Portal(store=bench.store)
    subscription = {"url": f"https://hooks.example.com/a?token={SECRET}"}
    assert made.post("/v1/subscriptions", json=subscription).status_code == 201
    journey = {"name": "Session", "return_url": BACK}
    assert made.post("/v1/journeys", json=journey).status_code == 201
    return made


def addresses(portal: Portal) -> list[str]:
    """Every address that can be read, with the ids of what there is."""
    messages = portal.get("/v1/messages?limit=500").json["messages"]
    known = {
        "message_id": [message["id"] for message in messages],
        "company_id": [company_id(1)],
        "journey_id": [one["id"] for one in portal.get("/v1/journeys").json["journeys"]],
        "subscription_id": [
            one["id"] for one in portal.get("/v1/subscriptions").json["subscriptions"]
        ],
    }
    found = []
    for rule in portal.app.url_map.iter_rules():
        if not rule.rule.startswith("/v1/") or "GET" not in (rule.methods or ()):
            continue
        if not rule.arguments:
            found.append(rule.rule)
        elif len(rule.arguments) == 1:
            (name,) = rule.arguments
            found += [rule.rule.replace(f"<{name}>", one) for one in known.get(name, ())]
    assert len(found) > 30
    return [one for one in found if one != STREAM]


@pytest.mark.parametrize("token", [VIEWER, OPERATOR])
def test_no_answer_shows_one(portal, token):
    shown = ""
    for address in [*addresses(portal), "/v1/intents?state=dead", "/v1/events?limit=1000"]:
        answer = portal.get(address, token=token)
        assert SECRET not in answer.text, address
        shown += answer.text
    for hint in ("otp", "link-api.codat.io", "[hidden]", "PendingAuth", "Link again at"):
        assert hint in shown


def test_none_stands_in_the_log_or_in_what_is_held_of_a_company(portal, bench):
    """Whoever reads the log from the server itself is shown no more than the others."""
    client = bench.store.client
    log = b"".join(b"".join(fields.values()) for _, fields in client.xrange(keys.LOG))
    assert b"solution.reported" in log
    assert SECRET.encode() not in log
    held = bench.store.companies.get(company_id(1))
    assert held.connections[connection_id(1)].errors
    assert SECRET.encode() not in held.to_json()
    intents = [client.hgetall(name) for name in client.scan_iter(keys.INTENT + "*")]
    assert any(b"link at" in one.get(b"last_error", b"") for one in intents)
    assert SECRET not in str(intents)


def test_what_was_signed_is_kept_whole_for_replays(portal, bench):
    kept = bench.store.messages.newest(MessageFilter(), None, 500, 500).messages
    assert sum(SECRET.encode() in one.message.body for one in kept) > 8


def test_the_link_that_was_asked_for_is_given(portal):
    """It is the whole purpose of that answer."""
    answer = portal.post("/v1/journeys", json={"name": "Session 2"})
    assert "/link/" in answer.json["link"]
    assert len(answer.json["link"].rpartition("/")[2]) > 20
