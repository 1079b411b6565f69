"""What the sandbox answers and posts fits Codat's published OpenAPI description."""

from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from published import needs_published, openapi
from sandboxes import mailbox, running

pytestmark = needs_published
FILE = "Codat-Platform.json"


def pointer(*names):
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


@pytest.fixture(scope="module")
def spec():
    return plain(openapi(FILE))


def plain(node):
    """Make OpenAPI's `nullable` JSON Schema's."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: plain(item) for name, item in node.items()}
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


@pytest.fixture(scope="module")
def check(spec):
    registry = Registry().with_resource("urn:codat", Resource(spec, DRAFT202012))

    def check(data, *names):
        schema = {"$ref": "urn:codat#" + pointer(*names)}
        validator = Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())
        faults = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(data)]
        assert faults == []

    return check


@pytest.fixture(scope="module")
def answered(check, spec):
    """Check an answer against the operation's schema for its status."""

    def answered(answer, method, path):
        operation = spec["paths"][path][method]
        status = str(answer.status_code)
        assert status in operation["responses"], answer.text
        if answer.content:
            names = ("content", "application/json", "schema")
            response = operation["responses"][status]
            if "$ref" in response:
                place = response["$ref"].removeprefix("#/").split("/")
                check(answer.json(), *place, *names)
            else:
                check(answer.json(), "paths", path, method, "responses", status, *names)
        return answer

    return answered


@pytest.fixture(scope="module")
def serving():
    with mailbox() as box, running(webhook_url=box.url, daily_quota=10**6) as (sandbox, call):
        yield sandbox, call, box


READS = [
    "/companies",
    "/companies/{companyId}",
    "/companies/{companyId}/connections",
    "/companies/{companyId}/connections/{connectionId}",
    "/companies/{companyId}/accessToken",
    "/companies/{companyId}/syncSettings",
    "/companies/{companyId}/dataStatus",
    "/companies/{companyId}/data/history",
    "/companies/{companyId}/data/history/{datasetId}",
    "/companies/{companyId}/sync/{datasetId}/validation",
    "/webhooks",
    "/integrations",
    "/integrations/{platformKey}",
    "/integrations/{platformKey}/branding",
    "/profile",
    "/profile/syncSettings",
]


@pytest.mark.parametrize("path", READS)
def test_reads_answer_as_published(serving, answered, path):
    _, call, _ = serving
    company = call.linked()
    connection = call("GET", f"/companies/{company}/connections").json()["results"][0]["id"]
    pull = call("POST", f"/companies/{company}/data/queue/bills").json()["id"]
    ids = {"companyId": company, "connectionId": connection, "datasetId": pull}
    real = path.format(platformKey="gbol", **ids)
    assert answered(call("GET", real), "get", path).status_code == 200


WRITES = [
    ("post", "/companies", {"name": "New"}),
    ("put", "/companies/{companyId}", {"name": "New"}),
    ("patch", "/companies/{companyId}", {"tags": {"a": "b"}}),
    ("post", "/companies/{companyId}/connections", {"platformKey": "suuo"}),
    ("patch", "/companies/{companyId}/connections/{connectionId}", {"status": "Unlinked"}),
    ("delete", "/companies/{companyId}/connections/{connectionId}", None),
    ("post", "/companies/{companyId}/data/all", None),
    ("post", "/companies/{companyId}/data/queue/{dataType}", None),
    ("post", "/companies/{companyId}/syncSettings", {"settings": []}),
    ("post", "/profile/syncSettings", {"settings": []}),
    ("post", "/webhooks", {"url": "https://x.example/", "eventTypes": [], "disabled": True}),
    ("put", "/profile", {"name": "Firm", "redirectUrl": ""}),
    ("delete", "/companies/{companyId}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_writes_answer_as_published(serving, answered, method, path, body):
    _, call, _ = serving
    company = call.linked()
    connection = call("GET", f"/companies/{company}/connections").json()["results"][0]["id"]
    real = path.format(companyId=company, connectionId=connection, dataType="bills")
    answer = answered(call(method.upper(), real, json=body), method, path)
    assert answer.status_code < 300


def test_refusals_answer_as_published(serving, answered):
    _, call, _ = serving
    path = "/companies/{companyId}"
    assert answered(call("GET", f"/companies/{uuid4()}"), "get", path).status_code == 404
    answer = answered(call("GET", "/companies?query=nope=1"), "get", "/companies")
    assert answer.status_code == 400


def test_company_info_answers_as_published(serving):
    _, call, _ = serving
    spec = plain(openapi("Codat-Spend-Insights.json"))
    path = "/companies/{companyId}/data/info"
    registry = Registry().with_resource("urn:codat", Resource(spec, DRAFT202012))
    names = ("paths", path, "get", "responses", "200", "content", "application/json", "schema")
    schema = {"$ref": "urn:codat#" + pointer(*names)}
    for _ in range(8):
        info = call("GET", f"/companies/{call.linked()}/data/info").json()
        Draft202012Validator(schema, registry=registry).validate(info)


def test_webhooks_are_as_published(serving, check, spec):
    sandbox, call, box = serving
    company = call.linked()
    for act in ("deauthorise", "relink", "unlink", "refuse", "delete"):
        assert call.control(f"companies/{company}/{act}").status_code == 200, act
    other = call.linked()
    connection = call("GET", f"/companies/{other}/connections").json()["results"][0]["id"]
    call("DELETE", f"/companies/{other}/connections/{connection}")
    call.control("quota", daily=1)
    call("GET", "/companies")
    call.control("quota", daily=10**6)
    assert sandbox.post.settle()
    seen = {body["eventType"]: body for body in box.bodies()}
    published = set(spec["webhooks"]) - {
        "company.product.added",
        "company.product.removed",
        "{dataType}.write.successful",
        "{dataType}.write.unsuccessful",
    }
    assert set(seen) == published
    for kind, body in seen.items():
        names = ("post", "requestBody", "content", "application/json", "schema")
        check(body, "webhooks", kind, *names)
