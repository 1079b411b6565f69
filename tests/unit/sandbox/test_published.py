"""Every operation and webhook of the sandbox is as Codat's published OpenAPI files say.

`sandboxes.Caller` and `sandboxes.Mailbox` hold each answer and webhook of every other test against
the same files; here every operation is called in every way that it can end.
"""

import re
from uuid import uuid4

import pytest

from support.contract import INFO, OF_2022, OF_2023, contract, operations
from support.published import needs_published
from support.sandboxes import SECRET, Caller, mailbox, running

pytestmark = needs_published
ERRORS = ("401", "402", "403", "404", "429", "451", "500", "503")
SETTING = {"dataType": "bills", "fetchOnFirstLink": True, "syncSchedule": 24, "syncOrder": 0}
CUSTOM = {"dataSource": "api/orders", "keyBy": ["$.id"], "requiredData": {"a": "$.a"}}
SUPPLEMENTAL = {"supplementalDataConfig": {"mine": {"dataSource": "/x", "pullData": {"a": "B"}}}}
BODIES = {
    "create-company": {"name": "New", "description": "x", "tags": {"a": "b"}},
    "replace-company": {"name": "New"},
    "update-company": {"tags": {"a": "b"}},
    "refresh-product-data": {"dataTypes": ["invoices"]},
    "create-connection": {"platformKey": "suuo"},
    "unlink-connection": {"status": "Unlinked"},
    "update-connection-authorization": {"code": "abc"},
    "set-company-syncSettings": {
        "companyId": str(uuid4()), "settings": [SETTING], "overridesDefaults": True
    },
    "update-profile-syncSettings": {
        "clientId": str(uuid4()), "settings": [SETTING], "overridesDefaults": True
    },
    "set-connection-management-cors-settings": {"allowedOrigins": ["https://firm.example"]},
    "set-cors-settings": {"allowedOrigins": ["https://firm.example"]},
    "create-webhook-consumer": {
        "url": "https://x.example/", "eventTypes": ["company.created"], "disabled": True
    },
    "update-profile": {"name": "Firm", "redirectUrl": ""},
    "create-api-key": {"name": "second"},
    "configure-supplemental-data": SUPPLEMENTAL,
    "configure-custom-data-type": CUSTOM,
}  # fmt: skip


@pytest.fixture(scope="module")
def serving():
    with mailbox() as box, running(webhook_url=box.url, daily_quota=10**6) as (sandbox, call):
        yield sandbox, call, box


@pytest.fixture
def call(serving):
    return serving[1]


class Stage:
    """A company with everything that an operation may name."""

    def __init__(self, call):
        self.call = call
        company = call.linked()
        call.control(f"companies/{company}/write", dataType="bills")
        call("PUT", f"/companies/{company}/products/my-product")
        call("PUT", "/integrations/gbol/dataTypes/custom/orders", json=CUSTOM)
        self.ids = {
            "companyId": company,
            "connectionId": self.first(f"/companies/{company}/connections"),
            "datasetId": self.first(f"/companies/{company}/data/history"),
            "pushOperationKey": self.first(f"/companies/{company}/push", "pushOperationKey"),
            "webhookId": call("POST", "/webhooks", json=BODIES["create-webhook-consumer"])
            .json()["id"],
            "apiKeyId": call("POST", "/apiKeys", json={"name": "x"}).json()["id"],
            "platformKey": "gbol",
            "dataType": "bills",
            "customDataIdentifier": "orders",
            "productIdentifier": "my-product",
        }  # fmt: skip

    def first(self, path, name="id"):
        return self.call("GET", path).json()["results"][0][name]

    def clear(self):
        """Take back what there may be only so many of."""
        self.call("DELETE", f"/apiKeys/{self.ids['apiKeyId']}")
        self.call("DELETE", f"/webhooks/{self.ids['webhookId']}")
        self.call.control(f"companies/{self.ids['companyId']}/delete")

    def ask(self, operation, **other):
        method, path = operation.split()
        names = {**self.ids, **other}
        real = re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path)
        body = BODIES.get(contract().operations[method, path]["operationId"])
        return self.call(method.upper(), real, json=body)


@pytest.fixture
def stage(call):
    stage = Stage(call)
    yield stage
    stage.clear()


def declared(operation):
    method, path = operation.split()
    return contract().operations[method, path]["responses"]


@pytest.mark.parametrize("operation", operations())
def test_each_operation_does_its_work_and_answers_as_published(stage, operation):
    answer = stage.ask(operation)
    assert answer.status_code < 300, answer.text
    assert str(answer.status_code) in declared(operation)


@pytest.mark.parametrize("operation", operations())
def test_each_operation_refuses_a_wrong_key(call, operation):
    stranger = Caller(call.url)
    stranger.session.headers["Authorization"] = "Basic bm90IHRoaXM="
    ids = {"platformKey": "gbol", "dataType": "bills"}
    path = re.sub(r"\{(\w+)\}", lambda m: ids.get(m[1], str(uuid4())), operation.split()[1])
    assert stranger(operation.split()[0].upper(), path, json={}).status_code == 401


@pytest.mark.parametrize("operation", [o for o in operations() if "{" in o])
def test_each_operation_says_what_it_does_not_know(stage, operation):
    names = re.findall(r"\{(\w+)\}", operation)
    for name in names:
        if name in ("dataType", "productIdentifier", "customDataIdentifier"):
            continue
        strange = "zzzz" if name == "platformKey" else str(uuid4())
        assert stage.ask(operation, **{name: strange}).status_code == 404


@pytest.mark.parametrize("operation", operations())
def test_each_operation_can_fail_in_every_published_way(stage, operation):
    method, path = operation.split()
    wanted = [status for status in ERRORS if status in declared(operation)]
    assert "500" in wanted
    for status in wanted:
        pattern = re.sub(r"\{\w+\}", "{any}", path)
        stage.call.control("faults", method=method, path=pattern, status=int(status), count=1)
        assert stage.ask(operation).status_code == int(status)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/companies?query=nope=1", None, 400),
        ("GET", "/companies?query=name", None, 400),
        ("GET", "/companies?page=0", None, 400),
        ("GET", "/companies/{c}/data/history?query=isCompleted=true", None, 400),
        ("GET", "/companies/{c}/push?query=nope=1", None, 400),
        ("POST", "/companies", {"name": ""}, 400),
        ("POST", "/companies", {"name": "x", "tags": {"a": 1}}, 400),
        ("POST", "/companies", {"name": "x", "tags": {"n" * 28: "a"}}, 400),
        ("POST", "/companies", {"name": "x", "description": 1}, 400),
        ("POST", "/companies/{c}/data/queue/orders", None, 404),
        ("POST", "/companies/{c}/data/queue/commerce-orders", None, 404),
        ("POST", "/companies/{c}/products/bank-feeds/refresh", {}, 400),
        ("POST", "/companies/{c}/products/unknown/refresh", {}, 404),
        ("DELETE", "/companies/{c}/products/unknown", None, 404),
        ("POST", "/companies/{c}/connections", {"platformKey": "zzzz"}, 400),
        ("PATCH", "/companies/{c}/connections/{n}", {"status": "Linked"}, 400),
        ("GET", "/companies/{c}/connections/{n}/options/company", None, 404),
        ("GET", "/integrations/gbol/dataTypes/custom/none", None, 404),
        ("GET", "/integrations/gbol/dataTypes/commerce-orders/supplementalDataConfig", None, 404),
        ("POST", "/apiKeys", {"name": "n" * 51}, 400),
        ("POST", "/webhooks", {"url": "nonsense"}, 400),
        ("POST", "/webhooks", {"url": "https://x.example", "companyTags": ["a:b"] * 11}, 400),
        ("POST", "/profile/syncSettings", {"settings": []}, 400),
        ("PUT", "/profile", {"name": "x"}, 400),
        ("DELETE", "/companies", None, 405),
        ("GET", "/nothing", None, 404),
    ],
)
def test_refusals_are_as_published(stage, method, path, body, status):
    real = path.format(c=stage.ids["companyId"], n=stage.ids["connectionId"])
    assert stage.call(method, real, json=body).status_code == status


def test_a_platform_that_may_not_be_asked_answers_451(call):
    company = call.linked("qudb")
    connection = call("GET", f"/companies/{company}/connections").json()["results"][0]["id"]
    path = f"/companies/{company}/connections/{connection}/data/custom/orders"
    assert call("GET", path).status_code == 451


@pytest.mark.parametrize("path", ["/companies", "/profile", "/webhooks", "/apiKeys"])
def test_past_the_quota_the_answer_is_as_published(path):
    with running(daily_quota=0) as (_, call):
        assert call("GET", path).status_code == 429


def test_company_info_is_as_published(call):
    seen = contract(INFO).seen
    for key in ("gbol", "zsth", "hbql", "mqjo"):
        for _ in range(3):
            path = f"/companies/{call.linked(key)}/data/info"
            assert call("GET", path).status_code in (200, 409)
    assert {200, 409} <= {status for _, path, status in seen if path.endswith("/data/info")}


def live(call, sandbox):
    """Let everything happen that is told by a webhook."""
    company = call.linked()
    for status in ("Success", "Failed", "TimedOut"):
        call.control(f"companies/{company}/write", status=status, dataType="bills")
    call.control(f"companies/{company}/outcome", dataType="invoices", status="FetchError")
    call("POST", f"/companies/{company}/data/queue/invoices")
    call("PUT", f"/companies/{company}/products/lending")
    call("DELETE", f"/companies/{company}/products/lending")
    for act in ("deauthorise", "relink", "unlink", "refuse", "delete"):
        assert call.control(f"companies/{company}/{act}").status_code == 200, act
    other = call.linked()
    connection = call("GET", f"/companies/{other}/connections").json()["results"][0]["id"]
    call("DELETE", f"/companies/{other}/connections/{connection}")
    call.control("quota", daily=1)
    call("GET", "/companies")
    call.control("quota", daily=10**6)
    assert sandbox.delivery.settle()


def test_every_published_webhook_is_sent_and_is_as_published(serving):
    sandbox, call, box = serving
    live(call, sandbox)
    kinds = {re.sub(r"^\w+\.write\.", "{dataType}.write.", kind) for kind in box.types()}
    assert kinds == set(contract().spec["webhooks"])
    assert not box.faults, box.faults


def test_every_older_rule_is_sent_and_is_as_published():
    with (
        mailbox() as box,
        running(webhook_url=box.url, webhook_generation="legacy") as (sandbox, call),
    ):
        live(call, sandbox)
        assert set(box.types()) == {
            "DataConnectionStatusChanged",
            "Data sync completed",
            "Dataset data changed",
            "Data Sync Status Changed To Error",
            "New company synchronized",
            "Push Operation Status Changed()",
            "Push Operation Timed Out",
            "Rate Limit Reached",
            "Rate Limit Reset",
        }
        assert not box.faults, box.faults


@pytest.mark.parametrize("file", [OF_2022, OF_2023])
def test_the_older_forms_are_as_published_then(call, file):
    judge = contract(file)

    def old(method, path, **body):
        answer = call(method, path, json=body or None)
        assert answer.status_code < 300, answer.text
        faults = judge.judge(method, path.split("?")[0], answer.status_code, answer.content)
        assert not faults, faults
        return answer.json()

    company = old("POST", "/companies", name="Session 1", platformType="gbol")
    assert (company["status"], company["dataConnections"][0]["status"]) == ("PendingAuth",) * 2
    old("GET", f"/companies/{company['id']}")
    old("GET", "/companies?pageSize=2")
    old("GET", f"/companies/{company['id']}/connections")
    hook = {"webhook": "https://firm.example/rules", "emails": []}
    rule = old("POST", "/rules", type="DataConnectionStatusChanged", notifiers=hook)
    assert old("GET", f"/rules/{rule['id']}") == rule
    assert rule in old("GET", "/rules")["results"]
    old("PUT", "/profile", name="Firm", redirectUrl="", alertAuthHeader="Bearer x")
    assert old("GET", "/profile")["alertAuthHeader"] == "Bearer x"
    assert old("GET", "/profile/syncSettings")["settings"]


def test_the_older_replacement_by_the_body_renames(call):
    company = call.company("Session 2")
    assert call("PUT", "/companies", json={"id": company, "name": "Real"}).status_code == 200
    assert call("GET", f"/companies/{company}").json()["name"] == "Real"


def test_the_secret_shows_nowhere(call):
    call.linked()
    for path in ("/webhooks", "/profile", "/companies"):
        assert SECRET not in call("GET", path).text
