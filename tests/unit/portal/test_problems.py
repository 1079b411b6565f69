"""Every error is a problem that says what to do, and shows nothing it should not."""

import re

import pytest
from redis.exceptions import ResponseError

from portal.http.groups import COMMON
from portal.http.problems import KINDS
from relay.companies.company import Company
from relay.store.companies.states import Companies
from relay.store.journeys.records import Contended
from support.parts import company_id
from support.portal_bench import Portal, kind, make_company, problem

SYNCS = f"/v1/companies/{company_id(1)}/syncs"


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1))
    return portal


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"[", "application/json", "malformed"),
        (b"[" * 60_000, "application/json", "malformed"),
        (b'{"data_type": NaN}', "application/json", "malformed"),
        (b'{"data_type": "\\ud800"}', "application/json", "malformed"),
        (b"\xff", "application/json", "malformed"),
        (b'{"data_type": "all"}', "text/plain", "not-json"),
        (b'{"data_type": "all"}', "", "not-json"),
        (b"x" * 70_000, "application/json", "too-large"),
        (b"[]", "application/json", "invalid"),
        (b'{"data_type": 7}', "application/json", "invalid"),
        (b'{"data_type": "gossip"}', "application/json", "invalid"),
        (b'{"dataType": "all"}', "application/json", "invalid"),
    ],
)
def test_a_bad_body_is_refused_by_what_is_wrong_with_it(portal, body, content_type, expected):
    answer = portal.post(SYNCS, data=body, content_type=content_type)
    assert kind(answer) == expected


def test_invalid_values_are_named_but_not_shown(portal):
    answer = portal.put(
        f"/v1/schedules/{company_id(1)}/all",
        json={"cadence": "yearly", "hour": 24, "surprise": "<secret>"},
    )
    body = problem(answer)
    assert [error["field"] for error in body["errors"]] == ["cadence", "hour", "surprise"]
    assert "<secret>" not in answer.text


def test_unknown_values_in_the_query_are_refused(portal):
    assert problem(portal.get("/v1/companies?limits=5"))["errors"] == [
        {"field": "limits", "message": "is not known here"}
    ]


def test_a_method_that_is_not_there_says_which_are(portal):
    answer = portal.delete("/v1/companies")
    assert kind(answer) == "method-not-allowed"
    assert "POST" in answer.headers["Allow"]


def test_an_unforeseen_error_hides_its_trace_but_is_in_the_log(portal, monkeypatch):
    def break_down(self: Companies, company: str) -> Company:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(Companies, "get", break_down)
    answer = portal.get(f"/v1/companies/{company_id(1)}")
    assert kind(answer) == "internal"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert problem(answer)["instance"].startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/companies"),
        ("GET", f"/v1/companies/{company_id(1)}"),
        ("POST", SYNCS),
        ("GET", "/v1/schedules"),
        ("GET", "/v1/events"),
        ("GET", "/v1/status"),
        ("POST", "/v1/companies"),
    ],
)
def test_without_redis_every_route_says_when_to_try_again(portal, method, path):
    portal.redis_server.connected = False
    answer = portal.ask(method, path, json={} if method == "POST" else None)
    assert kind(answer) == "store-away"
    assert int(answer.headers["Retry-After"]) > 0
    assert portal.codat.asked == []


@pytest.mark.parametrize("said", ["BUSY Redis is busy", "UNKILLABLE Sorry the script"])
@pytest.mark.parametrize("by", ["", "Command # 1 (EVALSHA 5f2 1 k) of pipeline caused error: "])
def test_what_state_the_server_is_in_is_no_fault_of_ours(portal, monkeypatch, by, said):
    def busy(*_: object, **__: object) -> None:
        raise ResponseError(by + said)

    monkeypatch.setattr(portal.store.companies, "page", busy)
    assert kind(portal.get("/v1/companies")) == "store-away"


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/ops", "/ops/"),
        ("/v1//companies?limit=1", "/v1/companies?limit=1"),
        ("/v1///companies", "/v1/companies"),
        ("/ops//load", "/ops/load"),
    ],
)
def test_another_spelling_of_an_address_leads_to_where_the_caller_is(portal, path, leads):
    """Neither to the host that a request names, nor from https to http behind a proxy."""
    answer = portal.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"], answer.data) == (308, leads, b"")


def test_every_kind_of_problem_is_explained_where_its_type_leads(portal):
    page = portal.get("/problems", token=None).text
    for name in KINDS:
        assert f'id="{name}"' in page
    assert problem(portal.get("/v1/nothing"))["type"] == "http://127.0.0.1:8000/problems#not-found"


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/nothing", "/", "/docs", "/healthz", "/nothing"]
)
def test_every_answer_carries_the_security_headers(portal, path):
    headers = portal.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert (headers.get("Cache-Control") == "no-store") == path.startswith("/v1")


def test_every_route_documents_the_common_answers():
    """What a route says of a status stands in place of what its group says of it."""
    common = [(str(KINDS[name].status), KINDS[name].meaning) for name in COMMON]
    told = 0
    for path, item in Portal().get("/openapi.json", token=None).json["paths"].items():
        for operation in item.values():
            if path.startswith("/v1/") and "security" in operation:
                for status, meaning in common:
                    assert meaning in operation["responses"][status]["description"], path
                    told += 1
    assert told > 100


def test_what_others_were_quicker_at_every_time_may_be_sent_again(portal, monkeypatch):
    def contended(*_):
        raise Contended("a journey")

    monkeypatch.setattr(portal.store.journeys, "page", contended)
    answer = portal.get("/v1/journeys")
    assert (answer.status_code, kind(answer)) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1


def queried(portal) -> list[tuple[str, str]]:
    """Each value that the query of some route takes once: the route's path, and its name."""
    described = portal.get("/openapi.json", token=None).json
    paths = {"company_id": company_id(1), "data_type": "all", "event_type": "company.created"}
    found = []
    for path, operations in described["paths"].items():
        filled = re.sub(r"\{(\w+)\}", lambda name: paths.get(name[1], "x"), path)
        for one in operations.get("get", {}).get("parameters", []):
            if one["in"] == "query" and one["schema"].get("type") != "array":
                found.append((filled, one["name"]))
    return found


def test_a_value_that_is_given_twice_is_refused_wherever_one_is_taken(portal):
    names = [(path, name) for path, name in queried(portal) if name != "lastEventId"]
    assert len(names) > 40
    for path, name in names:
        found = problem(portal.get(f"{path}?{name}=1&{name}=2"))["errors"]
        assert found == [{"field": name, "message": "is given more than once; send it once"}], (
            path,
            name,
        )


def test_no_route_takes_an_empty_company_for_none_or_for_all(portal):
    paths = [path for path, name in queried(portal) if name == "company"]
    assert {"/v1/events", "/v1/events/stream", "/v1/messages", "/v1/journeys"} <= set(paths)
    for path in paths:
        assert kind(portal.get(f"{path}?company=")) == "invalid"


@pytest.mark.parametrize(
    ("method", "path", "status", "home"),
    [
        ("get", "/nothing", 404, "/"),
        ("get", "/static/nothing.css", 404, "/"),
        ("post", "/nothing", 404, "/"),
        ("post", "/docs", 405, "/"),
        ("get", "/ops/nothing", 404, "/ops/"),
        ("get", "/ops/sign-in", 405, "/ops/"),
        ("get", f"/ops/linking/{company_id(1)}/invite", 405, "/ops/"),
        ("get", "/pc/nothing", 404, "/pc"),
    ],
)
def test_a_person_sees_an_error_on_a_page_with_a_way_on(portal, method, path, status, home):
    """Also on a phone; the address of a form is asked for when a browser brings back its tab."""
    answer = portal.web.open(path, method=method.upper())
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert '<html lang="en">' in answer.text
    assert 'name="viewport"' in answer.text
    assert f'<a href="{home}">' in answer.text
    assert ("Allow" in answer.headers) == (status == 405)
