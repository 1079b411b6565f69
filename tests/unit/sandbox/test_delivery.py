"""The sandbox posts its webhooks as Codat's sender does."""

import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from codat import signature, webhook
from sandbox.webhooks.delivery_faults import next_wait
from support.sandboxes import SECRET, mailbox, running

FAST = 10_000.0  # time scale at which 5 minutes are 30 ms


@pytest.fixture
def box():
    with mailbox() as box:
        yield box


def has(*types):
    return lambda bodies: set(types) <= {body.get("eventType") for body in bodies}


def test_every_webhook_is_signed_and_says_what_happened(box):
    with running(webhook_url=box.url) as (_, call):
        company = call.linked()
        bodies = box.wait(has("read.completed"))
        for headers, body in box.taken:
            assert signature.verify([SECRET], headers, body, time.time())
            assert list(webhook.parse(body).payload)
        assert all(list(b) == ["id", "eventType", "generatedDate", "payload"] for b in bodies)
        assert {webhook.parse(body).company_id for _, body in box.taken} == {company}


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        (["refuse"], ["connection.failed"]),
        (["authorise"], ["connection.connected", "read.completed.initial", "read.completed"]),
        (["authorise", "unlink"], ["connection.disconnected"]),
        (["authorise", "deauthorise"], ["connection.disconnected"]),
        (["authorise", "unlink", "relink"], ["connection.reconnected"]),
        (["delete"], ["company.deleted"]),
    ],
)
def test_each_act_sends_its_event(box, acts, told):
    with running(webhook_url=box.url) as (_, call):
        company = call.company()
        for act in acts:
            assert call.control(f"companies/{company}/{act}").status_code == 200
        box.wait(has(*told))


def test_a_failed_message_comes_again_under_the_same_id(box):
    box.answers = [500, 401, 302]
    with running(webhook_url=box.url, time_scale=FAST) as (_, call):
        call.company()
        box.wait(lambda bodies: len(bodies) == 4)
        assert len({headers["webhook-id"] for headers, _ in box.taken}) == 1
        for headers, body in box.taken:
            assert signature.verify([SECRET], headers, body, time.time())


def test_after_eight_attempts_a_message_can_only_be_replayed(box):
    box.answers = [503] * 8
    with running(webhook_url=box.url, time_scale=10**7) as (sandbox, call):
        call.company()
        box.wait(lambda bodies: len(bodies) == 8)
        assert sandbox.delivery.settle()
        attempts = call.journal(kind="webhook")
        assert [e["attempt"] for e in attempts] == list(range(1, 9))
        assert attempts[-1]["outcome"] == "given up"
        assert call.control("replay", which="failed").json() == {"sent": 1}
        box.wait(lambda bodies: len(bodies) == 9)
        assert sandbox.delivery.settle()
        assert call.journal(kind="webhook")[-1]["outcome"] == "taken"
        assert call.control("replay", which="failed").json() == {"sent": 0}


def test_the_waits_are_codats():
    waits = [next_wait(n, 500, legacy=False) for n in range(1, 9)]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 36_000, None]
    assert sum(w for w in waits if w) == 27 * 3600 + 35 * 60 + 5
    assert [next_wait(n, 503, legacy=True) for n in range(1, 5)] == [10, 50, 60, None]
    assert next_wait(1, 500, legacy=True) is None
    assert next_wait(1, None, legacy=True) == 10


def test_a_replay_may_carry_new_message_ids(box):
    with running(webhook_url=box.url) as (_, call):
        call.company()
        box.wait(lambda bodies: len(bodies) == 1)
        call.control("replay")
        call.control("replay", newIds=True)
        bodies = box.wait(lambda bodies: len(bodies) == 3)
        assert len({body["id"] for body in bodies}) == 1
        assert len({headers["webhook-id"] for headers, _ in box.taken}) == 2


def test_a_registered_consumer_gets_the_types_and_tags_it_wants(box):
    with running() as (sandbox, call):
        made = call(
            "POST",
            "/webhooks",
            json={"url": box.url, "eventTypes": ["company.created"], "companyTags": ["region:uk"]},
        )
        assert made.status_code == 201
        assert call("GET", "/webhooks").json()["results"] == [made.json()]
        call.company("Other", tags={"region": "us"})
        wanted = call.company("Wanted", tags={"region": "uk"})
        call.control(f"companies/{wanted}/authorise")
        assert sandbox.delivery.settle()
        assert [body["payload"]["name"] for body in box.bodies()] == ["Wanted"]
        path = f"/webhooks/{made.json()['id']}"
        assert call("DELETE", path).status_code == 204
        assert call("DELETE", path).status_code == 404
        call.company("Late", tags={"region": "uk"})
        assert sandbox.delivery.settle()
        assert len(box.taken) == 1


def test_a_disabled_consumer_gets_nothing(box):
    with running() as (sandbox, call):
        call("POST", "/webhooks", json={"url": box.url, "eventTypes": [], "disabled": True})
        call.company()
        assert sandbox.delivery.settle()
        assert box.taken == []


@pytest.mark.parametrize("url", ["", "ftp://x", "nonsense"])
def test_a_consumer_needs_an_address(url):
    with running() as (_, call):
        answer = call("POST", "/webhooks", json={"url": url, "eventTypes": ["company.created"]})
        assert answer.status_code == 400


def test_the_older_service_sends_rules_with_the_shared_value(box):
    with running(
        webhook_url=box.url, webhook_generation="legacy", legacy_authorization="Bearer abc"
    ) as (sandbox, call):
        company = call.linked("zsth")
        assert sandbox.delivery.settle()
        types = box.types()
        assert types.count("DataConnectionStatusChanged") == 1
        assert types.count("New company synchronized") == 1
        assert types.count("Data sync completed") == types.count("Dataset data changed") == 11
        for headers, body in box.taken:
            assert headers["Authorization"] == "Bearer abc"
            assert "webhook-signature" not in headers
            event = webhook.parse(body)
            assert (event.is_legacy, event.company_id) == (True, company)
        changed = next(b for b in box.bodies() if b["RuleType"] == "DataConnectionStatusChanged")
        assert changed["Data"]["oldStatus"] == "PendingAuth"
        assert changed["Data"]["newStatus"] == "Linked"


def test_the_older_service_gives_up_on_a_plain_500(box):
    box.answers = [500, 503]
    with running(
        webhook_url=box.url, webhook_generation="legacy", time_scale=FAST, daily_quota=0
    ) as (sandbox, call):
        call("GET", "/companies")
        box.wait(lambda bodies: len(bodies) == 1)
        assert sandbox.delivery.settle()
        assert box.types() == ["Rate Limit Reached"]
        call.control("quota", daily=5)
        box.wait(lambda bodies: len(bodies) == 3)
        assert box.types()[1:] == ["Rate Limit Reset"] * 2


def test_webhooks_can_be_lost_doubled_and_shuffled(box):
    with running(webhook_url=box.url, sync_seconds=60) as (_, call):
        call.control("delivery", dropShare=1)
        call.company("Lost")
        assert call.journal(kind="webhook")[0]["outcome"] == "dropped"
        call.control("delivery", dropShare=0, duplicateShare=1)
        call.company("Twice")
        box.wait(lambda bodies: len(bodies) == 2)
        assert [body["payload"]["name"] for body in box.bodies()] == ["Twice", "Twice"]
        assert len({headers["webhook-id"] for headers, _ in box.taken}) == 1
        call.control("delivery", duplicateShare=0, reorderSeconds=0.2)
        for number in range(30):
            call.company(f"Mixed {number}")
        bodies = box.wait(lambda bodies: len(bodies) == 32)[2:]
        dates = [body["generatedDate"] for body in bodies]
        assert dates != sorted(dates)


@pytest.mark.parametrize("wrong", [{"dropShare": -1}, {"nope": 1}, {"dropShare": "much"}])
def test_odd_delivery_faults_are_refused(wrong):
    with running() as (_, call):
        assert call.control("delivery", **wrong).status_code == 400


def test_the_address_can_be_set_while_it_runs(box):
    with running() as (_, call):
        call.company("Before")
        call.control("delivery", webhookUrl=box.url)
        call.company("After")
        bodies = box.wait(lambda bodies: len(bodies) == 1)
        assert bodies[0]["payload"]["name"] == "After"


def test_a_silent_company_sends_nothing_until_it_speaks_again(box):
    with running(webhook_url=box.url) as (sandbox, call):
        company = call.company()
        call.control(f"companies/{company}/silence")
        call.control(f"companies/{company}/authorise")
        assert sandbox.delivery.settle()
        assert box.types() == ["company.created"]
        call.control(f"companies/{company}/silence")
        call.control(f"companies/{company}/unlink")
        box.wait(has("connection.disconnected"))


def test_nobody_listening_is_tried_again(box):
    box.close()
    with running(webhook_url=box.url, time_scale=10**7) as (sandbox, call):
        call.company()
        assert sandbox.delivery.settle()
        attempts = call.journal(kind="webhook")
        assert [e["status"] for e in attempts] == [None] * 8


def test_a_sandbox_with_all_places_taken_can_be_stopped():
    with running(server_threads=1) as (_, call):
        call("GET", "/companies")
        waiting = socket.create_connection(urlsplit(call.url).netloc.split(":"), timeout=5)
        waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with waiting, contextlib.suppress(ConnectionResetError):
        assert waiting.recv(1) == b""


def test_a_stopped_sandbox_answers_no_more():
    with running() as (sandbox, call):
        call("GET", "/companies")
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        call("GET", "/companies")
