"""The receiver over real WSGI requests and a real server."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import pytest
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import OutOfMemoryError
from werkzeug.test import Client

from receiver.app import create_app
from receiver.intake import MAX_BODY_BYTES
from relay.inbox.message import Action, action_fields, webhook_fields
from relay.inbox.replay_filter import MessageFilter
from relay.store import keys
from relay.store.server.durable import NotDurable
from support.log import read_log
from support.parts import (
    OTHER_SECRET,
    SECRET,
    SHARED,
    FakeCodat,
    SentHints,
    company_id,
    make_event,
    odd_bodies,
    signed,
)
from support.paths import PAYLOADS
from support.portal_bench import Portal
from workers.context import Context
from workers.inbox.drain import drain_lanes


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
    path, _, query = path.partition("?")
    # As a server hands it over; the client would take a path of two slashes for a host.
    given = {"PATH_INFO": unquote(path), "QUERY_STRING": query}
    return web.post("/", data=body, headers=headers, environ_overrides=given)


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
    large = b"x" * (MAX_BODY_BYTES + 1)
    assert post(web, large, signed(large)).status_code == 413
    environ = {"wsgi.input": None, "CONTENT_LENGTH": "1" + "0" * 30}
    assert web.post("/webhooks/codat", environ_overrides=environ).status_code == 413
    no_length = {"wsgi.input": None, "CONTENT_LENGTH": ""}
    assert web.post("/webhooks/codat", environ_overrides=no_length).status_code == 411
    chunked = {"wsgi.input": None, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "5"}
    assert web.post("/webhooks/codat", environ_overrides=chunked).status_code == 411
    exact = json.dumps({"id": "x", "eventType": "big", "pad": ""}).encode()
    exact = exact.replace(b'""', b'"' + b"x" * (MAX_BODY_BYTES - len(exact)) + b'"')
    assert len(exact) == MAX_BODY_BYTES
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
def test_a_genuine_unreadable_body_is_kept_as_a_dead_letter(bench, body, proof):
    assert bench.take(proved(body, proof), body).status == 204
    bench.drain()
    [letter] = bench.store.inbox.dead_letters()
    assert letter["reason"].startswith("Malformed")
    portal = Portal(store=bench.store)
    for address in ("/v1/dead-letters", "/v1/messages"):
        assert portal.get(address).status_code == 200
    [message] = bench.store.messages.newest(MessageFilter(), None, 9, 9).messages
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
def test_a_genuine_body_any_parser_reads_is_applied_everywhere(bench, kind, proof):
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
    from relay.store.server.connect import connect

    nowhere = connect("redis://127.0.0.1:1", timeout=0.2, retries=0)
    web = Client(create_app(make_settings(codat_webhook_secrets=SECRET), store, Hints(nowhere)))
    body = body_of()
    assert post(web, body, signed(body)).status_code == 204


@pytest.mark.parametrize(
    "path", ["", "/other", "/codat/default", "/codat/second-client", "/codat/a%2Fb"]
)
def test_webhooks_are_taken_at_one_address_and_nowhere_else(web, store, path):
    """One relay serves one Codat client: one key, one quota, one record to compare with."""
    body = body_of()
    answer = post(web, body, signed(body), f"/webhooks{path}")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert store.inbox.depths()["accepted"] == 0


def test_other_methods_are_refused_plainly(web):
    for method in ("GET", "HEAD", "DELETE", "PATCH", "OPTIONS"):
        assert web.open("/webhooks/codat", method=method).status_code == 405


SPELLINGS = [
    "/webhooks/codat",
    "/webhooks/codat/",
    "/webhooks/codat//",
    "//webhooks/codat",
    "///webhooks//codat/",
    "/webhooks%2Fcodat",
    "/%77ebhooks/%63odat",
    "/Webhooks/Codat",
    "/WEBHOOKS/CODAT/",
    "/webhooks/codat%20",
    "/webhooks/codat?a=1&b=/x",
    "/webhooks/codat/?",
    "/./webhooks/../webhooks/./codat/.",
    "/x/%2E%2e/webhooks/codat",
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_the_address_may_be_written_in_other_ways(web, store, path):
    body = body_of()
    assert post(web, body, signed(body), path).status_code == 204
    assert store.inbox.depths()["accepted"] == 1


@pytest.mark.parametrize("path", ["/webhooks/codat", *(f"{one}/uk" for one in SPELLINGS[1:6])])
def test_a_configured_source_is_accepted_by_name_and_logged(store, make_settings, hints, path):
    settings = make_settings(codat_webhook_secrets=SECRET, relay_webhook_source="UK")
    web = Client(create_app(settings, store, hints))
    body = body_of()
    assert post(web, body, signed(body), "/webhooks/codat/de").status_code == 404
    assert post(web, body, signed(body), path).status_code == 204
    drain_lanes(Context(settings, store, hints, FakeCodat()))
    [event] = read_log(store, 0)
    assert event.source == f"/codat/UK/companies/{company_id(1)}"


def test_what_we_learn_ourselves_is_logged_under_the_same_source(store, make_settings, hints):
    settings = make_settings(codat_webhook_secrets=SECRET, relay_webhook_source="UK")
    action = Action("a", "relay.company_created", company_id(1), 1, {"name": "N"})
    store.inbox.ingest(action.id, company_id(1), action_fields(action))
    drain_lanes(Context(settings, store, hints, FakeCodat()))
    assert {one.source for one in read_log(store, 0)} == {f"/codat/UK/companies/{company_id(1)}"}
    assert store.companies.get(company_id(1)).source == "UK"


def test_what_another_source_left_in_a_lane_is_still_handled(bench):
    body = body_of()
    fields = webhook_fields(
        source="second-client",
        message_id="m-1",
        event_type="company.created",
        company_id=company_id(1),
        body=body,
    )
    bench.store.inbox.ingest("e-1", company_id(1), fields)
    bench.drain()
    [event] = read_log(bench.store, 0)
    assert event.source == f"/codat/second-client/companies/{company_id(1)}"


NOT_ENCODED = [
    *("", "identity", "Identity", "IDENTITY", " identity ", "identity, identity", ","),
    *("UTF-8", "none", "binary", "identity;q=1"),
]


@pytest.mark.parametrize("encoding", NOT_ENCODED)
def test_a_body_that_is_not_encoded_may_say_so_in_any_way(web, encoding):
    body = body_of()
    headers = signed(body) | {"content-encoding": encoding}
    assert post(web, body, headers).status_code == 204


@pytest.mark.parametrize("encoding", ["gzip", "Gzip", "identity, gzip", "br", "identityx", "x"])
def test_one_that_is_encoded_is_refused(web, encoding):
    body = body_of()
    assert post(web, body, signed(body) | {"content-encoding": encoding}).status_code == 415


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


ONE = make_event("connection.connected", connection=(1, "Linked"), id="e-1")
RULE_ONE = {"AlertId": "e-1", "RuleType": "Data sync completed", "CompanyId": company_id(1)}
NAMELESS = {name: value for name, value in ONE.items() if name != "id"}
SAME = {
    "the same message again": (ONE, "m-1", ONE, "m-1"),
    "the same event as another message": (ONE, "m-1", ONE, "m-2"),
    "its fields in another order": (ONE, "m-1", dict(reversed(ONE.items())), "m-2"),
    "an event without an id again": (NAMELESS, "m-1", NAMELESS, "m-1"),
    "an alert again": (RULE_ONE, None, RULE_ONE, None),
    "an alert by both services": (RULE_ONE, None, RULE_ONE, "m-1"),
    "an unreadable body again": (b"{", "m-1", b"{", "m-1"),
}
DIFFERENT = {
    "another type": (ONE, "m-1", ONE | {"eventType": "connection.disconnected"}, "m-2"),
    "another date": (ONE, "m-1", ONE | {"generatedDate": "2026-01-06T00:00:00Z"}, "m-2"),
    "another payload": (ONE, "m-1", ONE | {"payload": {}}, "m-2"),
    "another body as the same message": (ONE, "m-1", ONE | {"payload": {}}, "m-1"),
    "another id": (ONE, "m-1", ONE | {"id": "e-2"}, "m-1"),
    "two events without an id": (NAMELESS, "m-1", NAMELESS, "m-2"),
    "an alert and an event of one id": (RULE_ONE, None, ONE, "m-1"),
    "two alerts of one id": (RULE_ONE, None, RULE_ONE | {"RuleType": "Sync Failed"}, None),
    "two unreadable bodies": (b"{", "m-1", b"{{", "m-1"),
    "bytes that differ where they are no text": (
        b'{"id":"e-1","eventType":"x","a":"\xe8"}',
        "m-1",
        b'{"id":"e-1","eventType":"x","a":"\xe9"}',
        "m-1",
    ),
}


def send(bench: Any, event: Any, message_id: str | None) -> None:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    headers = proved(body, "shared") if message_id is None else signed(body, message_id=message_id)
    assert bench.take(headers, body).status == 204


@pytest.mark.parametrize(("first", "a", "second", "b"), SAME.values(), ids=SAME.keys())
def test_a_resend_of_one_event_by_whichever_way_has_one_effect(bench, first, a, second, b):
    """Two endpoints, or a replay from the Portal, carry the same event under another message id."""
    send(bench, first, a)
    send(bench, second, b)
    assert bench.drain() == 1
    assert bench.store.inbox.depths()["duplicates"] == 1


@pytest.mark.parametrize(("first", "a", "second", "b"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_two_different_bodies_are_two_messages_whatever_id_they_share(bench, first, a, second, b):
    send(bench, first, a)
    send(bench, second, b)
    send(bench, first, a)
    send(bench, second, b)
    assert bench.drain() == 2
    assert bench.store.inbox.depths()["duplicates"] == 2


@pytest.mark.parametrize("event_id", ["a\x00b", "a\nb", "a\x9bb", "\ud800", "a\ufffe"])
def test_an_id_that_is_no_text_is_no_cause_of_an_event(bench, event_id):
    """CloudEvents takes no control characters in attributes."""
    send(bench, ONE | {"id": event_id}, "m-1")
    legacy = {
        "AlertId": event_id,
        "RuleType": "Sync Completed",
        "CompanyId": company_id(1),
        "Data": {},
    }
    send(bench, legacy, None)
    assert bench.drain() == 2
    events = bench.store.events.read(0, 100).events
    assert all(json.loads(event.json)["cause"].isprintable() for event in events)


def test_an_event_from_before_an_upgrade_is_known_by_its_id(bench):
    """Versions before marked events by their id, or the message's, or a digest of the body."""
    bodies = [json.dumps(one).encode() for one in (ONE, NAMELESS)] + [b"{"]
    for body, older in zip(bodies, ["e-1", "m-1", sha256(b"{").hexdigest()], strict=True):
        message_id = "m-1" if body != b"{" else None
        send(bench, body, message_id)
        [marker] = bench.store.client.keys(keys.SEEN + "*")
        bench.store.client.rename(marker, keys.SEEN + older)
        send(bench, body, message_id)
        bench.store.client.delete(keys.SEEN + older)
    assert bench.drain() == 3
    assert bench.store.inbox.depths()["duplicates"] == 3


OURS, OTHERS = "4b6091c4-32b8-4e08-ac31-f7dc7477674b", "bae71d36-ff47-420a-b4a6-f8c9ddf41140"
TODAY = make_event("connection.connected", connection=(1, "Linked"))
NAMING = {
    "an alert": lambda client: RULE_ONE | {"ClientId": client},
    "an alert in other letters": lambda client: RULE_ONE | {"clientId": client.upper()},
    "an alert without hyphens": lambda client: RULE_ONE | {"ClientID": client.replace("-", "")},
    "an alert in braces": lambda client: RULE_ONE | {"ClientId": f" {{{client.upper()}}} "},
    "an alert, in its data": lambda client: RULE_ONE | {"Data": {"ClientId": client}},
    "today's, around it": lambda client: TODAY | {"clientId": client},
    "today's, in its payload": lambda client: (
        TODAY | {"payload": TODAY["payload"] | {"clientId": client}}
    ),
    "a limit": lambda client: {
        "id": "e-9",
        "eventType": "client.rateLimit.reached",
        "payload": {"client_id": client},
    },
}


def sent_by(web: Client, event: dict[str, Any]) -> int:
    body = json.dumps(event).encode()
    legacy = "AlertId" in event
    return post(web, body, proved(body, "shared") if legacy else signed(body)).status_code


@pytest.mark.parametrize("naming", NAMING.values(), ids=NAMING.keys())
@pytest.mark.parametrize("known", ["set", "learnt"])
def test_a_webhook_of_another_client_is_refused_and_counted(
    store, make_settings, hints, naming, known
):
    given = {"codat_client_id": OURS.upper()} if known == "set" else {}
    settings = make_settings(
        codat_api_key="k" * 20,
        codat_webhook_secrets=SECRET,
        codat_legacy_authorization=SHARED,
        **given,
    )
    store.platforms.keep_client_id(settings.key_mark, OTHERS if known == "set" else OURS)
    web = Client(create_app(settings, store, hints))
    assert sent_by(web, naming(OTHERS)) == 403
    depths = store.inbox.depths()
    assert (depths["accepted"], depths["of_other_clients"], hints.drained) == (0, 1, [])
    assert sent_by(web, naming(OURS)) == 204
    assert store.inbox.depths()["accepted"] == 1


def test_a_webhook_of_another_client_is_refused_even_if_uncounted(
    store, make_settings, hints, monkeypatch
):
    """After a 500 the older service sends it no more, nor anybody knows why."""

    def full() -> None:
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")

    settings = make_settings(codat_webhook_secrets=SECRET, codat_client_id=OURS)
    monkeypatch.setattr(store.inbox, "note_other_client", full)
    web = Client(create_app(settings, store, hints))
    assert sent_by(web, NAMING["today's, around it"](OTHERS)) == 403


@pytest.mark.parametrize("named", [None, "", 7, "ours", "00000000-0000-0000-0000-000000000000"])
def test_what_names_no_client_is_anybodys(store, make_settings, hints, named):
    settings = make_settings(
        codat_webhook_secrets=SECRET, codat_legacy_authorization=SHARED, codat_client_id=OURS
    )
    web = Client(create_app(settings, store, hints))
    assert sent_by(web, NAMING["an alert"](OURS) | {"ClientId": named}) == 204
    assert sent_by(web, TODAY) == 204


def test_while_it_is_not_known_whose_key_ours_is_nothing_is_refused(store, make_settings, hints):
    """Refused by a guess, a webhook of the older service would be lost for good."""
    settings = make_settings(
        codat_api_key="k" * 20, codat_webhook_secrets=SECRET, codat_legacy_authorization=SHARED
    )
    store.platforms.keep_client_id("the mark of another key", OURS)
    web = Client(create_app(settings, store, hints))
    assert sent_by(web, NAMING["an alert"](OTHERS)) == 204


def test_an_unverified_webhook_counts_for_no_client(store, make_settings, hints):
    settings = make_settings(codat_webhook_secrets=SECRET, codat_client_id=OURS)
    web = Client(create_app(settings, store, hints))
    body = json.dumps(NAMING["an alert"](OTHERS)).encode()
    assert post(web, body, {}).status_code == 401
    assert store.inbox.depths()["of_other_clients"] == 0
