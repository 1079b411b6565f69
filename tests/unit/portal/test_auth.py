"""Nobody reads without a token, nobody changes anything with one that may only look."""

import pytest

from relay.tokens import Token
from support.portal_bench import OPERATOR, VIEWER, Portal, kind

OPEN = {
    "/", "/problems", "/docs", "/docs/<name>", "/asyncapi.json", "/openapi.json", "/healthz",
    "/readyz", "/metrics", "/pc",
    "/static/<path:filename>",
}  # fmt: skip
# A customer's pages: the link itself is the key.
LINK = "/link/"
# Pages for whoever runs the service: the first is where one signs in.
OPS = "/ops/"
SIGNING_IN = {"/ops/", "/ops/sign-in", "/ops/sign-out"}


@pytest.fixture
def portal() -> Portal:
    return Portal()


def requests(portal):
    for rule in portal.app.url_map.iter_rules():
        for method in rule.methods:
            yield rule.rule, method, rule.rule.replace("<", "").replace(">", "")


def test_every_route_is_open_on_purpose_or_under_v1(portal):
    rules = {rule for rule, _, _ in requests(portal)}
    assert {rule for rule in rules if not rule.startswith(("/v1/", LINK, OPS))} == OPEN


def test_every_ops_page_leads_to_where_one_signs_in(portal):
    pages = [
        (method, path)
        for rule, method, path in requests(portal)
        if rule.startswith(OPS) and rule not in SIGNING_IN and method not in ("HEAD", "OPTIONS")
    ]
    assert {method for method, _ in pages} == {"GET", "POST"}
    for method, path in pages:
        for token in (None, OPERATOR):
            answer = portal.ask(method, path, token=token)
            assert (answer.status_code, answer.headers["Location"]) == (303, OPS)


def test_every_route_under_v1_needs_a_token(portal):
    asked = [(m, path) for rule, m, path in requests(portal) if rule.startswith("/v1/")]
    assert len(asked) > 20
    for method, path in asked:
        answer = portal.ask(method, path, token=None)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_viewer_changes_nothing(portal):
    changing = [
        (method, path)
        for rule, method, path in requests(portal)
        if rule.startswith("/v1/") and method not in ("GET", "HEAD", "OPTIONS")
    ]
    assert ("POST", "/v1/companies") in changing
    for method, path in changing:
        assert kind(portal.ask(method, path, token=VIEWER)) == "forbidden", (method, path)


def test_a_viewer_reads(portal):
    assert portal.get("/v1/status", token=VIEWER).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", f"Basic {OPERATOR}", OPERATOR, f"Bearer {OPERATOR[:-1]}",
        f"Bearer {OPERATOR}x", f"Bearer olga:operate:{OPERATOR}", "Bearer " + "x" * 5000,
        "Bearer \xff\xfe",
    ],
)  # fmt: skip
def test_what_is_not_a_known_token_is_refused(portal, header):
    answer = portal.get("/v1/status", token=None, headers={"Authorization": header})
    assert kind(answer) == "unauthorized"
    assert OPERATOR not in answer.text


def test_a_token_kept_in_the_store_is_let_in_with_its_role():
    portal = Portal(relay_tokens=())
    portal.store.tokens.put("made-at-first-start", Token("first", "view"), made=1)
    assert portal.get("/v1/status", token="made-at-first-start").status_code == 200
    answer = portal.post("/v1/companies", token="made-at-first-start", json={})
    assert kind(answer) == "forbidden"


def test_without_a_token_a_missing_address_looks_like_any_other(portal):
    assert portal.get("/v1/nothing", token=None).status_code == 401
    assert kind(portal.get("/v1/nothing")) == "not-found"


def test_a_body_is_not_read_before_the_token(portal):
    answer = portal.post("/v1/companies", token=None, data=b"x" * 100_000)
    assert answer.status_code == 401
