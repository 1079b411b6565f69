"""The sandbox can be steered, can be made to fail, and keeps a journal."""

import time

import pytest
import requests

from codat.client import Codat
from codat.errors import CodatBroken, RateLimited, Unauthorized, Unreachable
from sandbox.journal import Journal
from support.sandboxes import running


@pytest.fixture
def serving():
    with running(daily_quota=10**6, time_scale=10**7) as (sandbox, call):
        yield sandbox, call


@pytest.fixture
def call(serving):
    return serving[1]


@pytest.fixture
def codat(call):
    return Codat("sandbox", call.url, timeout=(1.0, 0.5))


def test_the_projects_client_walks_the_whole_way(call, codat):
    company = codat.create_company("Dummy name", tags={"a": "b"})
    connection = codat.create_connection(company.id, "gbol")
    assert connection.status == "PendingAuth"
    call.control(f"companies/{company.id}/authorise")
    assert codat.get_connection(company.id, connection.id).status == "Linked"
    assert codat.get_company_info(company.id).registration_number
    codat.refresh_company_data(company.id)
    assert codat.refresh_data_type(company.id, "invoices").data_type == "invoices"
    assert len(list(codat.list_pull_operations(company.id, page_size=10))) == 57
    assert codat.update_company(company.id, "Real").name == "Real"
    assert codat.get_company(company.id).tags == {"a": "b"}
    assert [c.id for c in codat.list_companies()] == [company.id]
    codat.unlink_connection(company.id, connection.id)
    codat.delete_company(company.id)
    assert list(codat.list_companies()) == []


def test_the_journal_has_every_call_and_every_attempt(serving):
    sandbox, call = serving
    sandbox.deliver_to("http://127.0.0.1:9/hook")
    company = call.company("Acme")
    call("PATCH", f"/companies/{company}", json={"name": "New"})
    made, changed = call.journal(kind="api")
    assert (made["method"], made["path"], made["status"]) == ("POST", "/companies", 200)
    assert (changed["method"], changed["companyId"]) == ("PATCH", company)
    assert changed["body"] == {"name": "New"}
    assert sandbox.delivery.settle()
    sent = call.journal(kind="webhook")[0]
    assert (sent["eventType"], sent["companyId"], sent["attempt"]) == (
        "company.created",
        company,
        1,
    )
    last = call("GET", "/sandbox/journal").json()["last"]
    assert call("GET", f"/sandbox/journal?after={last}").json()["entries"] == []


def test_the_journal_forgets_the_oldest_and_keeps_its_numbers():
    journal = Journal(kept=3)
    for number in range(5):
        journal.note("api", number=number)
    assert [e["seq"] for e in journal.after(0)] == [3, 4, 5]
    assert [e["number"] for e in journal.after(4)] == [4]
    assert [e["seq"] for e in journal.after(0, limit=1)] == [3]
    assert journal.after(99) == []


def test_an_error_fault_does_nothing_and_counts_down(call, codat):
    fault = {"path": "/companies/{companyId}/data/all", "status": 503, "count": 1}
    assert call.control("faults", **fault).status_code == 201
    company = call.linked()
    history = f"/companies/{company}/data/history"
    before = call("GET", history).json()["totalResults"]
    with pytest.raises(CodatBroken):
        codat.refresh_company_data(company)
    assert call("GET", history).json()["totalResults"] == before
    codat.refresh_company_data(company)


def test_a_fault_may_be_about_one_company_or_one_method(call):
    one, other = call.company(), call.company()
    call.control("faults", companyId=one, status=500)
    call.control("faults", method="POST", path="/companies", status=409)
    assert call("GET", f"/companies/{one}").status_code == 500
    assert call("GET", f"/companies/{other}").status_code == 200
    assert call("POST", "/companies", json={"name": "x"}).status_code == 409
    assert call("GET", "/companies").status_code == 200
    assert len(call("GET", "/sandbox/faults").json()["faults"]) == 2
    assert call("DELETE", "/sandbox/faults").status_code == 204
    assert call("GET", f"/companies/{one}").status_code == 200


def test_a_fault_may_hit_a_share_of_the_calls(call):
    call.control("faults", share=0.5, status=500)
    hit = [call("GET", "/companies").status_code for _ in range(60)].count(500)
    assert 10 < hit < 50


def test_faults_reach_the_client_as_what_they_are(call, codat):
    for fault, error in (
        ({"status": 429, "retryAfter": 7}, RateLimited),
        ({"status": 401}, Unauthorized),
        ({"status": 500}, CodatBroken),
        ({"kind": "down"}, Unreachable),
        ({"kind": "hang", "seconds": 5}, Unreachable),
        ({"kind": "half"}, Unreachable),
        ({"kind": "slow", "seconds": 1}, Unreachable),
    ):
        call.control("faults", count=1, **fault)
        with pytest.raises(error) as raised:
            list(codat.list_companies())
        if error is RateLimited:
            assert raised.value.retry_after == 7
    assert list(codat.list_companies()) == []


def test_a_lost_reply_has_its_effect(call, codat):
    call.control("faults", kind="lost", method="POST", path="/companies", count=1)
    with pytest.raises(Unreachable):
        codat.create_company("Ghost")
    assert [company.name for company in codat.list_companies()] == ["Ghost"]
    entry = call.journal(kind="api", method="POST")[0]
    assert (entry["fault"], entry["status"]) == ("lost", 200)


@pytest.mark.parametrize("kind", ["down", "hang"])
def test_a_call_that_never_arrives_has_no_effect(call, codat, kind):
    call.control("faults", kind=kind, seconds=2, method="POST")
    with pytest.raises(Unreachable):
        codat.create_company("Nobody")
    assert list(codat.list_companies()) == []
    assert call.journal(kind="api", method="POST")[0]["status"] is None


@pytest.mark.parametrize("wrong", [{"kind": "nope"}, {"status": "x"}, {"share": []}])
def test_odd_faults_are_refused(call, wrong):
    assert call.control("faults", **wrong).status_code == 400


def test_faults_leave_the_controls_alone(call):
    call.control("faults", kind="down")
    with pytest.raises(requests.ConnectionError):
        call("GET", "/companies")
    assert call("GET", "/sandbox/state").json()["faults"][0]["kind"] == "down"


def test_half_a_body_is_announced_whole(call):
    call.control("faults", kind="half", count=1)
    answer = requests.get(
        f"{call.url}/integrations",
        headers={"Authorization": "Basic c2FuZGJveA=="},
        stream=True,
        timeout=5,
    )
    promised = int(answer.headers["Content-Length"])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        answer.content  # noqa: B018 - reading is what fails
    assert promised > 0


def test_a_person_may_rename_and_the_ledger_may_be_set(call):
    company = call.company("Dummy")
    call.control(f"companies/{company}/rename", name="Chosen (by hand)")
    assert call("GET", f"/companies/{company}").json()["name"] == "Chosen by hand"
    call.control(f"companies/{company}/info", companyName="Given")
    assert call("GET", f"/companies/{company}/data/info").status_code == 409
    call.control(f"companies/{company}/authorise", platformKey="gbol")
    assert call("GET", f"/companies/{company}/data/info").json()["companyName"] == "Given"


def test_acts_that_make_no_sense_are_refused(call):
    company = call.linked()
    assert call.control(f"companies/{company}/relink").status_code == 409
    assert call.control(f"companies/{company}/dance").status_code == 404
    assert call.control("companies/nobody/authorise").status_code == 404
    assert call.control(f"companies/{company}/deauthorise").status_code == 200
    assert call.control(f"companies/{company}/unlink").status_code == 409


def test_the_outcome_of_reads_can_be_set(call):
    company = call.linked()
    call.control(f"companies/{company}/outcome", dataType="bills", status="ProcessingError")
    pull = call("POST", f"/companies/{company}/data/queue/bills").json()
    assert (pull["status"], pull["isErrored"]) == ("ProcessingError", True)


def test_controls_refuse_pages_of_other_sites(call):
    company = call.company()
    path = f"{call.url}/sandbox/companies/{company}/delete"
    answer = requests.post(path, headers={"Origin": "https://evil.example"}, timeout=5)
    assert answer.status_code == 403
    assert requests.post(path, headers={"Origin": call.url}, timeout=5).status_code == 200


def test_the_page_shows_companies_and_its_buttons_work(call):
    company = call.company("<script>alert(1)</script>")
    call.control(f"companies/{company}/rename", name="Plain & Sons")
    page = requests.get(f"{call.url}/sandbox/", timeout=5).text
    assert "Plain &amp; Sons" in page
    assert f'action="/sandbox/companies/{company}/authorise"' in page
    answer = requests.post(
        f"{call.url}/sandbox/companies/{company}/authorise", data={"x": "1"}, timeout=5
    )
    assert answer.url == f"{call.url}/sandbox/"
    assert "Codat Sandbox: Linked" in answer.text


def test_the_state_counts(call):
    call.linked()
    call.company()
    state = call("GET", "/sandbox/state").json()
    assert state["companies"] == 2
    assert state["connections"]["Linked"] == 1
    assert state["reading"] == 0


def test_reads_finish_by_themselves():
    with running(sync_seconds=0.05) as (sandbox, call):
        company = call.linked()
        deadline = time.monotonic() + 10
        while sandbox.world.company(company).running and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sandbox.world.company(company).running == {}


def test_many_companies_are_held():
    with running(daily_quota=10**6) as (sandbox, call):
        for number in range(3000):
            sandbox.world.create_company(f"Company {number}")
        assert call("GET", "/companies?page=30&pageSize=100").json()["totalResults"] == 3000
        found = call("GET", "/companies?query=name=Company 2999").json()
        assert found["totalResults"] == 1
