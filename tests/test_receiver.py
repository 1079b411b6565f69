"""The receiver over real WSGI requests and a real server."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisGone
from werkzeug.test import Client

from parts import (
    OTHER_SECRET,
    SECRET,
    SHARED,
    SentHints,
    company_id,
    make_event,
    odd_bodies,
    signed,
)
from portal_bench import Portal
from receiver.app import create_app
from receiver.intake import LARGEST_BODY
from relay.replays import Wanted
from relay.store.durable import NotDurable

PAYLOADS = Path(__file__).parent / "payloads"


@pytest.fixture
def hints():
    return SentHints()


@pytest.fixture
def web(store, make_settings, hints):
    settings = make_settings(
        codat_webhook_secrets=[SECRET, OTHER_SECRET], codat_legacy_authorization=SHARED
    )
    return Client(create_app(settings, store, hints))


def post(web: Client, body: bytes, headers: dict[str, str], path: str = "/webhooks/codat") -> Any:
    return web.post(path, data=body, headers=headers)


def body_of(**more: Any) -> bytes:
    return json.dumps(make_event("company.created", **more)).encode()


def test_a_signed_webhook_is_stored_then_answered_204_without_a_body(web, store, hints):
    body = body_of()
    answer = post(web, body, signed(body))
    assert (answer.status_code, answer.data) == (204, b"")
    lane = store.inbox.lane_of(company_id(1))
    assert hints.drained == [lane]
    lease = store.inbox.claim(lane, 1000)
    [message] = store.inbox.read(lease, lease.cursor, 10)
    assert (message.body, message.type, message.source) == (body, "company.created", "default")


def test_a_second_webhook_of_a_waiting_lane_sends_no_second_hint(web, hints):
    for _ in range(3):
        body = body_of()
        assert post(web, body, signed(body)).status_code == 204
    assert len(hints.drained) == 1


def test_the_older_secret_is_accepted_while_both_are_set(web):
    body = body_of()
    assert post(web, body, signed(body, secret=OTHER_SECRET)).status_code == 204


def test_one_flipped_bit_anywhere_is_401_and_has_no_effect(web, store):
    body = body_of()
    headers = signed(body)
    for position in range(len(body)):
        bad = bytearray(body)
        bad[position] ^= 1 << (position % 8)
        assert post(web, bytes(bad), headers).status_code == 401, position
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for position in range(len(headers[name])):
            for bit in range(7):
                changed = chr(ord(headers[name][position]) ^ (1 << bit))
                if not changed.isprintable() or changed == " ":
                    continue
                value = headers[name][:position] + changed + headers[name][position + 1 :]
                answer = post(web, body, headers | {name: value})
                assert answer.status_code == 401, (name, position, bit)
    assert store.inbox.depths()["accepted"] == 0
    assert post(web, body, headers).status_code == 204


@pytest.mark.parametrize("shift", [-301, 301])
def test_a_message_outside_the_tolerance_is_401(web, shift):
    body = body_of()
    assert post(web, body, signed(body, at=int(time.time()) + shift)).status_code == 401


def test_without_any_proof_it_is_401(web):
    body = body_of()
    assert post(web, body, {"content-type": "application/json"}).status_code == 401


@pytest.mark.parametrize("value", ["", "Bearer", SHARED[:-1], SHARED + "x", "Bearer é", "basic x"])
def test_a_wrong_shared_value_is_401(web, value):
    body = (PAYLOADS / "legacy-DataConnectionStatusChanged.json").read_bytes()
    headers = {"content-type": "application/json", "authorization": value.encode().decode("latin1")}
    assert post(web, body, headers).status_code == 401


def test_the_shared_value_lets_rule_webhooks_in_and_nothing_else(web, store):
    headers = {"content-type": "application/json", "authorization": SHARED}
    rule = (PAYLOADS / "legacy-DataConnectionStatusChanged.json").read_bytes()
    assert post(web, rule, headers).status_code == 204
    assert post(web, body_of(), headers).status_code == 401
    assert post(web, b"not json", headers).status_code == 204  # kept as a dead letter
    assert store.inbox.depths()["accepted"] == 2


def test_a_shared_value_does_not_make_up_for_a_bad_signature(web):
    rule = (PAYLOADS / "legacy-DataConnectionStatusChanged.json").read_bytes()
    headers = signed(rule) | {"authorization": SHARED, "webhook-signature": "v1,AAAA"}
    assert post(web, rule, headers).status_code == 401


def test_unsigned_rule_webhooks_are_refused_unless_set(store, make_settings, hints):
    web = Client(create_app(make_settings(codat_webhook_secrets=SECRET), store, hints))
    rule = (PAYLOADS / "legacy-DataConnectionStatusChanged.json").read_bytes()
    assert post(web, rule, {"authorization": SHARED}).status_code == 401


def test_a_receiver_without_any_secret_does_not_start(store, make_settings, hints):
    with pytest.raises(ValueError, match="secret"):
        create_app(make_settings(), store, hints)


def test_two_header_families_at_once_are_refused(web):
    body = body_of()
    headers = signed(body)
    doubled = headers | {name.replace("webhook", "svix"): value for name, value in headers.items()}
    assert post(web, body, doubled).status_code == 401


def test_the_other_header_family_is_accepted(web):
    body = body_of()
    headers = {name.replace("webhook-", "svix-"): v for name, v in signed(body).items()}
    assert post(web, body, headers).status_code == 204


def test_limits_on_the_request_are_answered_before_the_body_is_read(web):
    body = body_of()
    headers = signed(body)
    assert post(web, body, headers | {"content-encoding": "gzip"}).status_code == 415
    assert post(web, body, headers | {"content-type": "text/plain"}).status_code == 415
    large = b"x" * (LARGEST_BODY + 1)
    assert post(web, large, signed(large)).status_code == 413
    environ = {"wsgi.input": None, "CONTENT_LENGTH": "1" + "0" * 30}
    assert web.post("/webhooks/codat", environ_overrides=environ).status_code == 413
    no_length = {"wsgi.input": None, "CONTENT_LENGTH": ""}
    assert web.post("/webhooks/codat", environ_overrides=no_length).status_code == 411
    chunked = {"wsgi.input": None, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "5"}
    assert web.post("/webhooks/codat", environ_overrides=chunked).status_code == 411
    exact = json.dumps({"id": "x", "eventType": "big", "pad": ""}).encode()
    exact = exact.replace(b'""', b'"' + b"x" * (LARGEST_BODY - len(exact)) + b'"')
    assert len(exact) == LARGEST_BODY
    assert post(web, exact, signed(exact)).status_code == 204


def test_a_body_cut_short_is_answered_503_so_that_it_comes_again(web):
    import io

    body = body_of()
    headers = signed(body)
    answer = web.post(
        "/webhooks/codat",
        headers=headers,
        environ_overrides={
            "wsgi.input": io.BytesIO(body[:-10]),
            "CONTENT_LENGTH": str(len(body)),
        },
    )
    assert answer.status_code == 503


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{}",
        b'{"id":"x","eventType":5}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":NaN}',
        b"\xff\xfe",
        b"\x00" * 100,
        b'{"eventType":"\xff',
    ],
)
@pytest.mark.parametrize("proof", ["webhook", "svix", "shared"])
def test_a_genuine_body_that_nobody_can_read_is_kept_as_a_dead_letter(bench, body, proof):
    assert bench.take(proved(body, proof), body).status == 204
    bench.drain()
    [letter] = bench.store.inbox.dead_letters()
    assert letter["reason"].startswith("Malformed")
    portal = Portal(store=bench.store)
    for address in ("/v1/dead-letters", "/v1/messages"):
        assert portal.get(address).status_code == 200
    [message] = bench.store.messages.newest(Wanted(), None, 9, 9).messages
    assert message.message.body == body


def proved(body: bytes, proof: str) -> dict[str, str]:
    """The headers of a delivery that is proved genuine in one of the ways there are."""
    if proof == "shared":
        return {"content-length": str(len(body)), "authorization": SHARED}
    return {name.replace("webhook-", f"{proof}-"): value for name, value in signed(body).items()}


LINKED = odd_bodies(make_event("connection.connected", connection=(1, "Linked")))
RULE = odd_bodies(
    {
        "AlertId": "a-1",
        "RuleType": "Sync Failed",
        "CompanyId": company_id(1),
        "Data": {"syncId": "Company 1"},
    }
)


@pytest.mark.parametrize("kind", LINKED)
@pytest.mark.parametrize("proof", ["webhook", "svix", "shared"])
def test_a_genuine_body_that_any_parser_reads_is_applied_and_read_by_everyone(bench, kind, proof):
    body = (RULE if proof == "shared" else LINKED)[kind]
    assert bench.take(proved(body, proof), body).status == 204
    assert bench.take(proved(body, proof), body).status == 204
    assert bench.drain() == 1
    assert bench.store.inbox.dead_letters() == []
    assert "webhook.unknown_type" not in bench.types()
    portal = Portal(store=bench.store)
    if proof == "shared":
        assert bench.types()[-1] == "solution.reported"
    else:
        assert bench.store.companies.get(company_id(1)).status == "Linked"
        assert portal.get(f"/v1/companies/{company_id(1)}").status_code == 200
    for address in ("events", "messages", "companies", f"companies/{company_id(1)}/timeline"):
        assert portal.get(f"/v1/{address}").status_code == 200, address
    [message] = portal.get("/v1/messages").json["messages"]
    assert message["body"].keys() >= ({"AlertId"} if proof == "shared" else {"eventType"})


@pytest.mark.parametrize("error", [RedisGone("gone"), NotDurable("slow"), RuntimeError("odd")])
def test_whatever_goes_wrong_inside_is_503_with_retry_after(web, store, monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(store.inbox, "ingest", fail)
    body = body_of()
    answer = post(web, body, signed(body))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"


def test_a_hint_that_cannot_be_sent_does_not_fail_the_webhook(store, make_settings):
    from relay.queues import Hints
    from relay.store.connect import connect

    nowhere = connect("redis://127.0.0.1:1", timeout=0.2, retries=0)
    web = Client(create_app(make_settings(codat_webhook_secrets=SECRET), store, Hints(nowhere)))
    body = body_of()
    assert post(web, body, signed(body)).status_code == 204


def test_other_methods_paths_and_sources_are_refused_plainly(web, store):
    assert web.get("/webhooks/codat").status_code == 405
    assert web.post("/webhooks/other").status_code == 404
    assert web.post("/webhooks/codat/a%2Fb").status_code == 404
    body = body_of()
    assert post(web, body, signed(body), "/webhooks/codat/second-client").status_code == 204
    lease = store.inbox.claim(None, 1000)
    assert store.inbox.read(lease, lease.cursor, 1)[0].source == "second-client"


def test_the_same_webhook_a_hundred_times_at_once_has_one_effect(bench):
    body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()
    headers = signed(body)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: bench.take(headers, body).status, range(100)))
    assert answers == [204] * 100
    bench.drain()
    assert bench.types() == [
        "company.created",
        "connection.status_changed",
        "company.status_changed",
    ]
    depths = bench.store.inbox.depths()
    assert (depths["accepted"], depths["duplicates"]) == (1, 99)


def test_one_event_sent_as_two_messages_has_one_effect(bench):
    """Two endpoints, or a replay from the Portal, carry the same event under another message id."""
    event = make_event("connection.connected", connection=(1, "Linked"))
    assert bench.deliver(event, message_id="msg_1").status == 204
    assert bench.deliver(event, message_id="msg_2").status == 204
    assert bench.drain() == 1
