"""The sandbox answers over HTTP as Codat does."""

import http.client
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from sandbox.api.query import Query, ordered
from sandbox.world.refusals import Refusal
from support.sandboxes import BASIC, running, settings


@pytest.fixture(scope="module")
def serving():
    with running(daily_quota=10**6) as (sandbox, call):
        yield sandbox, call


@pytest.fixture
def call(serving):
    return serving[1]


def test_the_key_goes_in_base64_without_a_colon(call):
    assert call("GET", "/companies").status_code == 200
    for wrong in ("", "Basic c2FuZGJveDo=", "Bearer sandbox", BASIC.lower()):
        answer = requests.get(f"{call.url}/companies", headers={"Authorization": wrong}, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["error"] == "Unauthorized"


@pytest.mark.parametrize("path", ["/integrations", "/webhooks", "/profile", "/no/such/path"])
def test_nothing_of_the_api_is_open(call, path):
    assert requests.get(call.url + path, timeout=5).status_code == 401


def test_every_answer_carries_the_rate_limit(call):
    for path, status in (("/companies", 200), (f"/companies/{uuid4()}", 404), ("/nope", 404)):
        answer = call("GET", path)
        assert answer.status_code == status
        assert answer.headers["X-Rate-Limit-Limit"] == str(10**6)
        assert 0 < int(answer.headers["X-Rate-Limit-Remaining"]) < 10**6
        assert answer.headers["X-Rate-Limit-Reset"].endswith("GMT")


def test_errors_have_codats_body(call):
    unknown = str(uuid4())
    error = call("GET", f"/companies/{unknown}").json()
    assert error.pop("correlationId")
    assert error == {
        "statusCode": 404,
        "service": "ClientsApi",
        "error": f"No company was found with ID {unknown}",
        "canBeRetried": "Unknown",
        "detailedErrorCode": 0,
    }


@pytest.mark.parametrize("body", ["", "[]", "{", '{"name": ""}', '{"name": 3}', '{"name": null}'])
def test_a_company_needs_a_name(call, body):
    assert call("POST", "/companies", data=body).status_code == 400


def test_pages_follow_each_other_by_relative_links():
    with running() as (_, call):
        made = [call.company(f"Company {n}") for n in range(5)]
        seen, path = [], "/companies?page=1&pageSize=2"
        while path:
            page = call("GET", path).json()
            assert page["totalResults"] == 5
            assert page["_links"]["self"] == {"href": "/companies"}
            seen += [company["id"] for company in page["results"]]
            path = page["_links"].get("next", {}).get("href")
        assert seen == made


@pytest.mark.parametrize("wrong", ["page=0", "pageSize=0", "page=x", "pageSize=-1"])
def test_a_page_that_cannot_be_is_refused(call, wrong):
    assert call("GET", f"/companies?{wrong}").status_code == 400


def test_companies_are_found_by_query_tags_and_order():
    with running() as (_, call):
        call.company("Beta", tags={"region": "uk"})
        call.company("Alpha", tags={"region": "us"})
        linked = call.linked()

        def names(**asked):
            results = call("GET", "/companies", params=asked).json()["results"]
            return [company["name"] for company in results]

        assert names(query="name=beta") == ["Beta"]
        assert names(query="name!=Beta && name~a") == ["Alpha", "Acme"]
        assert names(query=f"id={linked}") == ["Acme"]
        assert names(query="dataConnections.status=Linked") == ["Acme"]
        assert names(tags="region = uk") == ["Beta"]
        assert names(tags="region~u && region!=uk") == ["Alpha"]
        assert names(orderBy="name") == ["Acme", "Alpha", "Beta"]
        assert names(orderBy="-name") == ["Beta", "Alpha", "Acme"]
        assert call("GET", "/companies?query=nope=1").status_code == 400


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("a=1", True),
        ("a=2 || b=x", True),
        ("{a=2 || b=x} && c.d=y", True),
        ("{a=2 || b=x} && c.d=z", False),
        ("a>=1 && a<2", True),
        ("missing=1", False),
        ("missing!=1", False),
    ],
)
def test_a_query_matches_as_codats_language_says(text, matches):
    shown = {"a": "1", "b": "X", "c": {"d": "y"}}
    assert Query(text, "Thing").matches(shown) is matches


@pytest.mark.parametrize("text", ["a", "a=1 &&", "{a=1", "a=1}", "&& a=1", "", "a=" + "x" * 2048])
def test_a_malformed_query_is_refused(text):
    with pytest.raises(Refusal, match="Malformed query"):
        Query(text, "Thing")


def test_things_without_the_ordering_property_come_last():
    shown = [{"n": 1}, {"n": 2, "b": "y"}, {"n": 3, "b": "x"}]
    assert [item["n"] for item in ordered(shown, "b")] == [3, 2, 1]


def test_replacing_clears_what_is_left_out_and_updating_keeps_it(call):
    company = call.company("Acme", description="Bakers", tags={"region": "uk"})
    path = f"/companies/{company}"
    updated = call("PATCH", path, json={"name": "New", "description": None}).json()
    assert (updated["name"], updated["description"]) == ("New", "Bakers")
    assert updated["tags"] == {"region": "uk"}
    replaced = call("PUT", path, json={"name": "Newer"}).json()
    assert (replaced["name"], replaced["description"]) == ("Newer", "")
    assert "tags" not in replaced


def test_empty_tags_on_update_remove_all_tags(call):
    company = call.company(tags={"region": "uk"})
    assert "tags" not in call("PATCH", f"/companies/{company}", json={"tags": {}}).json()


def test_the_older_api_replaces_by_the_id_in_the_body(call):
    company = call.company(description="Bakers")
    answer = call("PUT", "/companies", json={"id": company, "name": "New"})
    assert (answer.json()["name"], answer.json()["description"]) == ("New", "")
    assert call("PUT", "/companies", json={"name": "New"}).status_code == 400


def test_the_older_api_creates_company_and_connection_at_once(call):
    made = call("POST", "/companies", json={"name": "Acme", "platformType": "gbol"}).json()
    assert made["status"] == "PendingAuth"
    assert made["platform"] == "Xero"
    assert made["dataConnections"][0]["linkUrl"].startswith(f"{call.url}/link/")
    call.control(f"companies/{made['id']}/authorise")
    call.control(f"companies/{made['id']}/deauthorise")
    assert call("GET", f"/companies/{made['id']}").json()["status"] == "Deauthorised"


def test_a_company_of_today_shows_no_status(call):
    assert "status" not in call("GET", f"/companies/{call.company()}").json()


def test_connections_are_made_read_unlinked_and_deleted(call):
    company = call.company()
    root = f"/companies/{company}/connections"
    made = call("POST", root, json={"platformKey": "gbol"})
    assert (made.status_code, made.json()["status"]) == (200, "PendingAuth")
    path = f"{root}/{made.json()['id']}"
    assert call("PATCH", path, json={"status": "Unlinked"}).status_code == 400
    call.control(f"companies/{company}/authorise")
    assert call("GET", path).json()["status"] == "Linked"
    assert call("PATCH", path, json={"status": "unlinked"}).json()["status"] == "Unlinked"
    assert call("GET", root).json()["totalResults"] == 1
    assert call("DELETE", path).status_code == 200
    assert call("GET", path).status_code == 404


def test_a_connection_of_another_company_is_not_found(call):
    one, other = call.linked(), call.company()
    connection = call("GET", f"/companies/{one}/connections").json()["results"][0]["id"]
    assert call("GET", f"/companies/{other}/connections/{connection}").status_code == 404
    assert call("DELETE", f"/companies/{other}/connections/{connection}").status_code == 404


def test_a_deleted_company_is_gone(call):
    company = call.linked()
    answer = call("DELETE", f"/companies/{company}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/connections", "/data/info", "/dataStatus", "/data/history"):
        assert call("GET", f"/companies/{company}{path}").status_code == 404


def test_info_is_a_conflict_until_the_company_type_is_read(call):
    company = call.company()
    answer = call("GET", f"/companies/{company}/data/info")
    assert answer.status_code == 409
    assert answer.json()["error"] == "The data set has not been requested."
    call.control(f"companies/{company}/authorise", platformKey="gbol")
    info = call("GET", f"/companies/{company}/data/info").json()
    assert info["registrationNumber"]
    assert info["companyName"] or info["companyLegalName"]


def test_both_ways_of_refreshing_everything_work(call):
    company = call.linked()
    count = call("GET", f"/companies/{company}/data/history").json()["totalResults"]
    assert call("POST", f"/companies/{company}/data/all").status_code == 204
    assert call("POST", f"/companies/{company}/data/queue/all").status_code == 204
    history = call("GET", f"/companies/{company}/data/history").json()
    assert history["totalResults"] == 3 * count


def test_a_refresh_under_way_is_refused_by_name():
    with running(sync_seconds=60) as (_, call):
        company = call.linked()
        answer = call("POST", f"/companies/{company}/data/queue/invoices")
        assert answer.status_code == 400
        assert "DatasetAlreadyInProgressException" in answer.json()["error"]


def test_a_refresh_is_a_pull_operation_that_history_knows():
    with running() as (sandbox, call):
        company = call.linked()
        made = call("POST", f"/companies/{company}/data/queue/invoices").json()
        assert made["dataType"] == "invoices"
        found = call("GET", f"/companies/{company}/data/history/{made['id']}").json()
        assert (found["id"], found["status"], found["isCompleted"]) == (
            made["id"],
            "Complete",
            True,
        )
        assert call("GET", f"/companies/{company}/data/history/{uuid4()}").status_code == 404
        sandbox.world.company(company).outcomes["bills"] = "FetchError"
        call("POST", f"/companies/{company}/data/queue/bills")
        path = f"/companies/{company}/data/history"
        failed = call("GET", path, params={"query": "status=FetchError"}).json()["results"]
        assert [(pull["dataType"], pull["isErrored"]) for pull in failed] == [("bills", True)]
        refused = call("GET", path, params={"query": "isCompleted=true"})
        assert refused.json()["error"] == (
            "Error parsing query - Could not resolve property isCompleted on Dataset"
        )


def test_a_refresh_may_name_its_connection(call):
    company = call.linked()
    call.control(f"companies/{company}/authorise", platformKey="suuo")
    connections = call("GET", f"/companies/{company}/connections").json()["results"]
    bank = next(c["id"] for c in connections if c["sourceType"] == "Banking")
    path = f"/companies/{company}/data/queue"
    answer = call("POST", f"{path}/banking-accounts?connectionId={bank}")
    assert answer.json()["connectionId"] == bank
    assert call("POST", f"{path}/invoices?connectionId={bank}").status_code == 404


def test_data_status_is_keyed_by_type(call):
    company = call.linked("zsth")
    shown = call("GET", f"/companies/{company}/dataStatus").json()
    assert len(shown) == 11
    for name, status in shown.items():
        assert status["dataType"] == name
        assert status["currentStatus"] == "Complete"
        assert status["latestSyncId"] == status["latestSuccessfulSyncId"]


def test_integrations_are_real_platforms_with_logos(call):
    page = call("GET", "/integrations?pageSize=100").json()
    assert page["totalResults"] >= 30
    xero = call("GET", "/integrations/gbol").json()
    assert (xero["name"], xero["sourceType"]) == ("Xero", "Accounting")
    logo = requests.get(xero["logoUrl"], timeout=5)
    assert (logo.status_code, logo.headers["Content-Type"][:13]) == (200, "image/svg+xml")
    found = call("GET", "/integrations?query=sourceType=banking%26%26enabled=true").json()
    assert {item["key"] for item in found["results"]} == {"suuo", "evqv", "dfxm"}
    assert call("GET", "/integrations/zzzz").status_code == 404


def test_a_platform_not_enabled_is_listed_and_cannot_be_linked(call):
    assert call("GET", "/integrations/qkdj").json()["enabled"] is False
    company = call.company()
    answer = call("POST", f"/companies/{company}/connections", json={"platformKey": "qkdj"})
    assert answer.status_code == 400
    assert "Amazon" not in call("GET", f"/link/company/{company}").text


def test_profile_and_sync_settings_are_kept(call):
    new = {"name": "Firm", "redirectUrl": "https://firm.example/{companyId}"}
    assert call("PUT", "/profile", json=new).status_code == 200
    assert call("GET", "/profile").json()["redirectUrl"] == new["redirectUrl"]
    call("PUT", "/profile", json={"name": "Firm", "redirectUrl": ""})
    setting = {"dataType": "bills", "fetchOnFirstLink": False, "syncSchedule": 24, "syncOrder": 0}
    company = call.company()
    path = f"/companies/{company}/syncSettings"
    assert call("POST", path, json=settings(setting, companyId=company)).status_code == 204
    kept = call("GET", path).json()
    assert kept["companyId"] == company
    assert setting.items() <= next(s.items() for s in kept["settings"] if s["dataType"] == "bills")
    call.control(f"companies/{company}/authorise", platformKey="gbol")
    status = call("GET", f"/companies/{company}/dataStatus").json()
    assert status["bills"] == {"dataType": "bills"}
    assert status["invoices"]["currentStatus"] == "Complete"
    assert call("POST", path, json={"settings": [{"dataType": "nope"}]}).status_code == 400


def test_past_the_quota_codat_asks_to_wait():
    with running(daily_quota=2) as (_, call):
        assert [call("GET", "/companies").status_code for _ in range(3)] == [200, 200, 429]
        answer = call("GET", "/companies")
        assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        assert answer.headers["X-Rate-Limit-Remaining"] == "0"
        call.control("quota", daily=10)
        assert call("GET", "/companies").status_code == 200


def test_a_body_past_ten_megabytes_is_refused(call):
    connection = http.client.HTTPConnection(urlsplit(call.url).netloc, timeout=5)
    connection.putrequest("POST", "/companies")
    connection.putheader("Content-Length", "99999999")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_one_connection_serves_many_requests(call):
    connection = http.client.HTTPConnection(urlsplit(call.url).netloc, timeout=5)
    connection.connect()
    first = connection.sock
    for method, path in (("GET", "/companies"), ("POST", "/companies"), ("GET", "/nope")):
        connection.request(method, path, body=b"{}", headers={"Authorization": BASIC})
        assert connection.getresponse().read()
        assert connection.sock is first
    connection.close()
