"""Health, readiness, metrics, status and the pages, with Redis and without."""

import pytest
from jsonschema.validators import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from relay.inbox.message import Message, webhook_fields
from relay.store.inbox.lanes import DeadLetter
from relay.store.intents.queue import NewIntent, Priority
from relay.store.server.checks import Server
from relay.times import now_ms
from support.parts import company_id
from support.portal_bench import MOMENT, Portal, make_company


@pytest.fixture
def portal() -> Portal:
    return Portal()


def figures(portal) -> dict[str, float]:
    text = portal.get("/metrics", token=None).text
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def letter(body: bytes = b"{") -> DeadLetter:
    message = Message("1767600000000-0", "webhook", "default", "m-1", "a.b", None, 0, body)
    return DeadLetter(message, 3, "it could not be read")


def test_the_process_is_alive_even_without_redis(portal):
    portal.redis_server.connected = False
    assert portal.get("/healthz", token=None).status_code == 200


def test_ready_says_what_is_missing(portal):
    assert portal.get("/readyz", token=None).json["ready"] is True
    portal.redis_server.connected = False
    answer = portal.get("/readyz", token=None)
    assert answer.status_code == 503
    assert answer.json["missing"] == ["redis: the server does not answer"]
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("server", "durability"),
    [
        (Server("8", False, 0), "on disk before it answers"),
        (Server("8", True, 0), "each write waited for (WAITAOF)"),
        (Server("8", False, 0, ("no-aof",)), "at risk, accepted by setting: no-aof"),
        (Server("8", False, 0, ("eviction",)), "on disk before it answers"),
    ],
)
def test_ready_says_how_durable_a_write_is(portal, server, durability):
    portal.store.guard.server = server
    assert portal.get("/readyz", token=None).json["durability"] == durability


def test_metrics_report_what_the_store_holds(portal):
    portal.hold(make_company(1), dead=[letter()])
    portal.log(("a.b", 1), ("a.b", 1))
    need = NewIntent(f"reread:{company_id(1)}", company_id(1), Priority.NOW, MOMENT // 1000, "test")
    portal.store.intents.put([need], MOMENT // 1000)
    fields = webhook_fields(
        source="default", message_id="m", event_type="t", company_id=None, body=b"{}"
    )
    portal.store.inbox.ingest("m", None, fields)
    portal.store.beat("worker-1")
    now = now_ms()
    portal.store.budget.ended("c", None, now=now, limit=1000, remaining=70, reset=now + 10**7)
    found = figures(portal)
    budget = ("daily_limit", "remaining", "reserved", "calls_per_minute", "resets_seconds")
    expected = [1000, 70, 50, 900, (now + 10**7) / 1000]
    assert [found[f"relay_codat_{name}"] for name in budget] == expected
    assert found["relay_redis_up"] == 1
    assert found["relay_messages_accepted_total"] == 1
    assert found["relay_dead_letters"] == 1
    assert found["relay_companies"] == 1
    assert found["relay_events_total"] == 2
    assert (found["relay_intentsnow"], found["relay_intentslink"]) == (1, 0)
    assert found["relay_heartbeat_secondsworker-1"] > MOMENT / 1e6


def test_metrics_without_redis_say_so(portal):
    portal.redis_server.connected = False
    assert figures(portal)["relay_redis_up"] == 0


def test_status_reports_queues_and_readers(portal):
    portal.hold(make_company(1), dead=[letter()])
    portal.store.beat("scheduler-1")
    body = portal.get("/v1/status").json
    assert body["messages"]["dead_letters"] == 1
    assert (body["companies"], body["lanes"], body["last_event"]) == (1, 64, "0")
    assert body["budget"]["held_until"] is None
    assert body["budget"]["calls_per_minute"] == 900
    assert list(body["heartbeats"]) == ["scheduler-1"]
    assert body["uses_sandbox"] is True
    assert Portal(codat_api_key="k" * 20).get("/v1/status").json["uses_sandbox"] is False


def test_dead_letters_come_newest_first_with_long_bodies_cut(portal):
    portal.hold(make_company(1), dead=[letter(b"x" * 3000)])
    portal.hold(make_company(2), dead=[letter(b"\xff short")])
    newest, older = portal.get("/v1/dead-letters").json["dead_letters"]
    assert (newest["body"], newest["body_is_cut"]) == ("� short", False)
    assert (len(older["body"]), older["body_is_cut"]) == (2000, True)
    assert (older["lane"], older["company_id"]) == (3, None)
    assert older["received"] == "2026-01-05T08:00:00.000Z"
    assert len(portal.get("/v1/dead-letters?limit=1").json["dead_letters"]) == 1


def test_dead_letters_are_shown_without_the_fields_that_are_not_to_be():
    held = Portal(relay_redact_fields=("name",))
    held.hold(make_company(1), dead=[letter(b'{"a":{"name":"Zyx","b":1}}'), letter(b"Zyx")])
    bodies = [one["body"] for one in held.get("/v1/dead-letters").json["dead_letters"]]
    assert bodies == ["null", '{"a":{"name":"[redacted]","b":1}}']


def test_the_start_page_says_when_the_sandbox_stands_in(portal):
    page = portal.get("/", token=None)
    assert "The sandbox stands in for Codat" in page.text
    assert "<script" not in page.text
    assert "sandbox" not in Portal(codat_api_key="k" * 20).get("/", token=None).text


def test_every_file_that_the_pages_name_is_served_from_here(portal):
    for path in ("/static/portal.css", "/static/docs.js", "/docs/swagger-ui.css",
                 "/docs/swagger-ui-bundle.js"):  # fmt: skip
        assert portal.get(path, token=None).status_code == 200
    for page in ("/", "/docs", "/problems"):
        assert "http" not in portal.get(page, token=None).text.replace("http-equiv", "")
    assert portal.get("/docs/..%2f..%2f__init__.py", token=None).status_code == 404


def test_the_api_document_names_every_route_and_existing_schemas_only(portal):
    described = portal.get("/openapi.json", token=None).json
    assert described["openapi"].startswith("3.1")
    operations = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, item in described["paths"].items()
        for method in item
    }
    served = {
        (method, rule.rule)
        for rule in portal.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert served <= operations
    schemas = described["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    text = portal.get("/openapi.json", token=None).text
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(schemas)
    assert described["paths"]["/v1/events"]["get"]["security"] == [{"token": []}]


def test_waiting_hints_show_in_status_and_metrics(portal):
    portal.store.client.rpush("rq:queue:drain", "drain-1", "drain-2")
    assert portal.get("/v1/status").json["queues"] == {"drain": 2, "codat": 0, "deliver": 0}
    assert figures(portal)["relay_queue_lengthdrain"] == 2


def test_a_clock_apart_is_reported_and_requests_are_still_served(portal):
    portal.store.note_clock("web on a", 3600.0)
    portal.store.note_clock("scheduler on b", 0.25)
    assert portal.get("/v1/status").json["clocks"] == {"scheduler on b": 0.25, "web on a": 3600.0}
    assert figures(portal)["relay_clock_ahead_secondsweb on a"] == 3600
    answer = portal.get("/readyz", token=None)
    assert (answer.status_code, answer.json["ready"]) == (200, True)
    assert answer.json["warnings"] == [
        "clock: that of web on a is 3600 s ahead of the server's; one of them is wrong"
    ]
