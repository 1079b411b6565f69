"""What a client meets at Codat on a bad day: limits, repeated keys, machines that are off."""

import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import orjson
import pytest
from click.testing import CliRunner

from cli.app import main
from codat import signature
from sandbox.config import SandboxConfig
from sandbox.server import persistence
from sandbox.server.persistence import BadState
from sandbox.server.server import start
from sandbox.world.clock import Clock, move
from support.sandboxes import PATIENCE, SECRET, Caller, mailbox, running, settings

DAY = 86_400.0


@pytest.fixture
def call():
    with running() as (_, call):
        yield call


# Idempotency keys


def with_key(call, method, path, key, **body):
    return call(method, path, json=body, headers={"Idempotency-Key": key})


def test_a_repeated_key_gives_the_first_answer_only(call):
    key = str(uuid4())
    first = with_key(call, "POST", "/companies", key, name="Acme")
    again = with_key(call, "POST", "/companies", key, name="Acme")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert call("GET", "/companies").json()["totalResults"] == 1


def test_a_key_used_for_another_body_is_refused(call):
    key = str(uuid4())
    with_key(call, "POST", "/companies", key, name="Acme")
    assert with_key(call, "POST", "/companies", key, name="Other").status_code == 422


@pytest.mark.parametrize("status", [500, 503, 404])
def test_a_failure_is_repeated_for_its_key_for_ninety_minutes(call, status):
    key = str(uuid4())
    call.control("faults", status=status, count=1)
    for _ in range(2):
        assert with_key(call, "POST", "/companies", key, name="Acme").status_code == status
    call.control("clock", move=89 * 60)
    assert with_key(call, "POST", "/companies", key, name="Acme").status_code == status
    call.control("clock", move=2 * 60)
    assert with_key(call, "POST", "/companies", key, name="Acme").status_code == 200


def test_after_a_429_the_key_may_be_used_again(call):
    key = str(uuid4())
    call.control("faults", status=429, count=1)
    assert with_key(call, "POST", "/companies", key, name="Acme").status_code == 429
    assert with_key(call, "POST", "/companies", key, name="Acme").status_code == 200


def test_a_key_whose_request_still_runs_is_refused(call):
    key = str(uuid4())
    call.control("faults", kind="slow", seconds=1.0, count=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(with_key, Caller(call.url), "POST", "/companies", key, name="Acme")
        deadline = time.monotonic() + PATIENCE
        while call("GET", "/sandbox/faults").json()["faults"][0]["count"]:
            assert time.monotonic() < deadline
        assert with_key(call, "POST", "/companies", key, name="Acme").status_code == 409
        assert slow.result().status_code == 200


def test_a_lost_reply_is_given_again_for_its_key(call):
    key = str(uuid4())
    call.control("faults", kind="lost", count=1)
    with pytest.raises(OSError, match="onnection"):
        with_key(call, "POST", "/companies", key, name="Acme")
    assert with_key(call, "POST", "/companies", key, name="Acme").status_code == 200
    assert call("GET", "/companies").json()["totalResults"] == 1


def test_a_put_knows_no_keys(call):
    key, company = str(uuid4()), call.company()
    for name in ("One", "Two"):
        answer = with_key(call, "PUT", f"/companies/{company}", key, name=name)
        assert answer.json()["name"] == name


# Ten at once


def test_the_eleventh_concurrent_call_of_a_company_is_refused(call):
    company = call.linked()
    call.control("faults", kind="slow", seconds=1.5, companyId=company)
    inside = threading.Barrier(11)

    def ask(_):
        caller = Caller(call.url)
        inside.wait()
        return caller("GET", f"/companies/{company}")

    with ThreadPoolExecutor(11) as pool:
        answers = list(pool.map(ask, range(11)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 10 + [429]
    [refused] = [answer for answer in answers if answer.status_code == 429]
    assert refused.headers["Retry-After"] == "1"
    assert call("GET", f"/companies/{company}").status_code == 200


# Plans, keys, rules


def test_a_free_plan_has_fifty_companies_and_no_hourly_sync():
    hourly = {"dataType": "bills", "fetchOnFirstLink": True, "syncSchedule": 1, "syncOrder": 0}
    with running(is_free_plan=True) as (_, call):
        for _ in range(50):
            call.company()
        assert call("POST", "/companies", json={"name": "Fifty-first"}).status_code == 402
        body = settings(hourly, clientId=str(uuid4()))
        refused = call("POST", "/profile/syncSettings", json=body)
        assert (refused.status_code, refused.json()["error"]) == (
            402, "SyncSettingsValidationException: Sync schedule not allowed",
        )  # fmt: skip
        call.control("quota", freePlan=False)
        assert call("POST", "/profile/syncSettings", json=body).status_code == 204


def test_a_new_key_opens_the_api_and_a_deleted_one_no_more(call):
    made = call("POST", "/apiKeys", json={"name": "second"}).json()
    [first] = [k for k in call("GET", "/apiKeys").json()["results"] if k["id"] != made["id"]]
    other = Caller(call.url)
    other.session.headers["Authorization"] = "Basic " + b64encode(made["apiKey"].encode()).decode()
    assert other("GET", "/companies").status_code == 200
    assert other("DELETE", f"/apiKeys/{first['id']}").status_code == 204
    assert call("GET", "/companies").status_code == 401
    assert other("DELETE", f"/apiKeys/{made['id']}").status_code == 403


def test_there_are_ten_keys_at_most(call):
    statuses = [call("POST", "/apiKeys", json={}).status_code for _ in range(10)]
    assert statuses == [201] * 9 + [409]


def test_a_rule_gets_only_its_kind_and_company():
    with mailbox() as box, running() as (sandbox, call):
        call("PUT", "/profile", json={"name": "x", "redirectUrl": "", "alertAuthHeader": "Raw v"})
        one, other = call.company("One"), call.company("Other")
        rule = {"type": "New company synchronised", "companyId": one,
                "notifiers": {"webhook": box.url}}  # fmt: skip
        assert call("POST", "/rules", json=rule).status_code == 200
        for company in (one, other):
            call.control(f"companies/{company}/authorise", platformKey="gbol")
        assert sandbox.delivery.settle()
        [body] = box.bodies()
        assert (body["RuleType"], body["CompanyId"]) == ("New company synchronized", one)
        [(headers, _)] = box.taken
        assert headers["Authorization"] == "Raw v"
        assert "webhook-signature" not in headers


def test_a_consumer_of_an_older_type_gets_its_body_signed():
    with mailbox() as box, running() as (sandbox, call):
        types = ["DataConnectionStatusChanged", "company.created"]
        call("POST", "/webhooks", json={"url": box.url, "eventTypes": types})
        call.linked()
        assert sandbox.delivery.settle()
        assert sorted(box.types()) == sorted(types)
        assert all("webhook-signature" in headers for headers, _ in box.taken)


# Delivery


def test_an_endpoint_that_fails_for_five_days_is_disabled():
    with mailbox() as box, running(time_scale=10**7) as (sandbox, call):
        box.answers = [500] * 100
        made = call("POST", "/webhooks", json={"url": box.url, "eventTypes": []}).json()
        for name in ("One", "Two", "Three"):
            call.company(name)
        assert sandbox.delivery.settle()
        assert call("GET", "/webhooks").json()["results"][0]["disabled"] is False
        call.control("clock", move=5 * DAY)
        call.company("Four")
        assert sandbox.delivery.settle()
        assert call("GET", "/webhooks").json()["results"] == [{**made, "disabled": True}]
        call.company("Five")
        box.answers = []
        sandbox.world.consumers[made["id"]].disabled = False
        taken = len(box.taken)
        assert call.control("replay", which="missed").json() == {"sent": 1}
        assert sandbox.delivery.settle()
        assert [b["payload"]["name"] for b in box.bodies()[taken:]] == ["Five"]


def test_an_endpoint_that_answers_now_and_then_stays():
    with mailbox() as box, running(time_scale=10**7) as (sandbox, call):
        call("POST", "/webhooks", json={"url": box.url, "eventTypes": []})
        for _ in range(4):
            box.answers = [500, 204]
            call.company()
            assert sandbox.delivery.settle()
            call.control("clock", move=2 * DAY)
        assert call("GET", "/webhooks").json()["results"][0]["disabled"] is False


@pytest.mark.parametrize(
    ("instruction", "attempts", "disabled"), [("abort-message", 1, False), ("disable", 8, True)]
)
def test_an_answer_may_stop_a_message_or_the_endpoint(instruction, attempts, disabled):
    with mailbox() as box, running(time_scale=10**7) as (sandbox, call):
        call("POST", "/webhooks", json={"url": box.url, "eventTypes": []})
        box.answers, box.headers = [500] * 20, {"webhook-delivery": instruction}
        call.company()
        assert sandbox.delivery.settle()
        assert len(call.journal(kind="webhook")) == attempts
        assert len(box.taken) == 1
        assert call("GET", "/webhooks").json()["results"][0]["disabled"] is disabled


def test_what_waits_for_a_removed_endpoint_is_dropped():
    with mailbox() as box, running() as (sandbox, call):
        made = call("POST", "/webhooks", json={"url": box.url, "eventTypes": []}).json()
        box.answers = [500]
        call.company()
        box.wait(lambda bodies: len(bodies) == 1)
        call("DELETE", f"/webhooks/{made['id']}")
        call.control("clock", move=10)
        assert sandbox.delivery.settle()
        assert [e["outcome"] for e in call.journal(kind="webhook")] == ["failed", "removed"]


def test_a_burst_gathers_events_and_sends_them_at_once():
    with mailbox() as box, running(webhook_url=box.url) as (sandbox, call):
        call.control("delivery", burstSeconds=100_000_000)
        for _ in range(5):
            call.company()
        assert box.taken == []
        assert sandbox.delivery.unfinished == 5
        call.control("clock", move=100_000_000)
        assert sandbox.delivery.settle()
        assert len(box.taken) == 5


# Machines, schedules, the clock


def statuses(call, company):
    history = call("GET", f"/companies/{company}/data/history").json()["results"]
    return {pull["status"] for pull in history}


def on_premise(call, **how):
    company = call.company()
    call.control(f"companies/{company}/authorise", platformKey="hbql", **how)
    return company


def test_reads_wait_for_the_machine_to_be_on(call):
    company = on_premise(call, machineOn=False)
    call.control("clock", move=3 * DAY)
    assert statuses(call, company) == {"Queued"}
    pull = call("GET", f"/companies/{company}/data/history").json()["results"][0]
    assert pull["statusDescription"] == "Waiting for the connector to come online"
    assert call("GET", f"/companies/{company}/data/info").status_code == 409
    assert call("POST", f"/companies/{company}/data/queue/bills").status_code == 400
    call.control(f"companies/{company}/machine", on=True)
    assert statuses(call, company) == {"Complete"}
    assert call("GET", f"/companies/{company}/data/info").status_code == 200


def test_a_machine_that_is_switched_off_holds_the_next_reads(call):
    company = on_premise(call)
    call.control(f"companies/{company}/machine", on=False)
    assert call("POST", f"/companies/{company}/data/queue/bills").json()["status"] == "Queued"
    call.control(f"companies/{company}/unlink")
    assert statuses(call, company) == {"Complete", "Cancelled"}


def test_a_platform_in_the_cloud_runs_on_no_machine(call):
    company = call.linked("gbol")
    assert call.control(f"companies/{company}/machine", on=True).status_code == 409


def test_a_one_time_connector_leaves_after_the_first_read():
    with mailbox() as box, running(webhook_url=box.url) as (sandbox, call):
        company = on_premise(call, oneTime=True)
        assert sandbox.delivery.settle()
        [connection] = call("GET", f"/companies/{company}/connections").json()["results"]
        assert (connection["status"], connection.get("dataConnectionErrors")) == (
            "Deauthorized", None,
        )  # fmt: skip
        assert sandbox.world.companies[company].info
        assert "connection.disconnected" in box.types()


def test_codat_reads_again_so_many_hours_after_the_last_read(call):
    setting = {"dataType": "bills", "fetchOnFirstLink": True, "syncSchedule": 24, "syncOrder": 0}
    company = call.linked()
    path = f"/companies/{company}/data/history?query=dataType=bills"
    call("POST", f"/companies/{company}/syncSettings", json=settings(setting, companyId=company))
    assert call("GET", path).json()["totalResults"] == 1
    call.control("clock", move=23 * 3600)
    assert call("GET", path).json()["totalResults"] == 1
    call.control("clock", move=2 * 3600)
    assert call("GET", path).json()["totalResults"] == 2
    call.control("clock", move=7 * DAY)
    assert call("GET", path).json()["totalResults"] == 9
    call.control(f"companies/{company}/unlink")
    call.control("clock", move=7 * DAY)
    assert call("GET", path).json()["totalResults"] == 9


def test_a_moved_clock_renews_the_quota_and_ages_links(call):
    company = call.company()
    link = call("POST", f"/companies/{company}/connections", json={"platformKey": "gbol"}).json()
    call.control("quota", daily=5, used=5)
    assert call("GET", "/companies").status_code == 429
    call.control("clock", move=DAY)
    assert call("GET", "/companies").status_code == 200
    page = call.session.get(link["linkUrl"], timeout=PATIENCE)
    assert "This link no longer works" in page.text


@pytest.mark.parametrize("wrong", [-1, "soon", 10**12])
def test_the_clock_moves_on_only(call, wrong):
    assert call.control("clock", move=wrong).status_code == 400


def test_signatures_keep_the_machines_time():
    with mailbox() as box, running(webhook_url=box.url) as (sandbox, call):
        call.control("clock", move=30 * DAY)
        call.company()
        assert sandbox.delivery.settle()
        [(headers, body)] = box.taken
        assert signature.verify([SECRET], headers, body)


def test_a_move_stops_wherever_something_is_due(call):
    with running(sync_seconds=3600) as (sandbox, other):
        company = other.linked()
        move(sandbox.services.clock, sandbox.world, 10 * 3600)
        pulls = list(sandbox.world.companies[company].history)
        assert {round(p.completed - p.requested) for p in pulls} == {3600}
    assert isinstance(sandbox.services.clock, Clock)


# Queries that compare


@pytest.mark.parametrize(
    ("query", "count"),
    [("progress>9", 28), ("progress>=100", 28), ("progress<100", 0), ("progress=100.0", 28),
     ("requested>2020-01-01", 28), ("requested<2020-01-01T00:00:00Z", 0),
     ("requested>2020-01-01&&dataType=bills", 1)],
)  # fmt: skip
def test_numbers_and_dates_are_compared_as_such(call, query, count):
    company = call.linked()
    answer = call("GET", f"/companies/{company}/data/history", params={"query": query})
    assert answer.json()["totalResults"] == count


# What is kept


def kept(**wanted):
    return running(sync_seconds=0.0, **wanted)


KEPT = (
    "/companies",
    "/webhooks",
    "/rules",
    "/profile/syncSettings",
    "/apiKeys",
    "/integrations/gbol/dataTypes/custom/orders",
    "/corsSettings",
)


def everything(call):
    seen = {path: call("GET", path).json() for path in KEPT}
    for company in seen["/companies"]["results"]:
        company.pop("redirect")
        for connection in company["dataConnections"]:
            connection.pop("linkUrl")
        for part in ("data/history", "push", "dataStatus", "data/info", "syncSettings"):
            path = f"/companies/{company['id']}/{part}"
            seen[path] = call("GET", path).json()
            seen[path].pop("correlationId", None)
    return seen


def test_a_sandbox_with_a_state_file_forgets_nothing(tmp_path):
    file = tmp_path / "data" / "sandbox.json"
    with kept(state_file=file) as (_, call):
        company = call.linked()
        call.control(f"companies/{company}/write")
        off = on_premise(call, machineOn=False)
        call("PUT", f"/companies/{company}/products/lending")
        call("POST", "/webhooks", json={"url": "http://127.0.0.1:9/", "disabled": True})
        rule = {"type": "Data sync completed", "notifiers": {"emails": ["a@b.example"]}}
        call("POST", "/rules", json=rule)
        call("POST", "/apiKeys", json={"name": "other"})
        call("PUT", "/integrations/gbol/dataTypes/custom/orders", json={"keyBy": ["$.id"]})
        call("POST", "/corsSettings", json={"allowedOrigins": ["https://firm.example"]})
        setting = {"dataType": "bills", "fetchOnFirstLink": True, "syncSchedule": 24,
                   "syncOrder": 0}  # fmt: skip
        body = settings(setting, companyId=company)
        call("POST", f"/companies/{company}/syncSettings", json=body)
        before = everything(call)
    assert file.stat().st_mode & 0o077 == 0
    with kept(state_file=file) as (_, call):
        assert everything(call) == before
        call.control(f"companies/{off}/machine", on=True)
        assert statuses(call, off) == {"Complete"}
        call.control("clock", move=DAY + 60)
        history = f"/companies/{company}/data/history?query=dataType=bills"
        assert call("GET", history).json()["totalResults"] == 2


def test_webhooks_that_were_not_taken_are_sent_after_a_restart(tmp_path):
    file = tmp_path / "sandbox.json"
    with mailbox() as box:
        with kept(state_file=file, webhook_url="http://127.0.0.1:9/") as (_, call):
            call.company("Told late")
        state = persistence.load(file)
        for message in state["untaken"]:
            message["url"] = box.url
        file.write_bytes(orjson.dumps(state))
        with kept(state_file=file, webhook_url=box.url):
            [body] = box.wait(lambda bodies: len(bodies) == 1)
            assert body["payload"]["name"] == "Told late"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', '{"version": 1}'])
def test_a_state_file_that_holds_something_else_is_refused(tmp_path, text):
    file = tmp_path / "sandbox.json"
    file.write_text(text)
    with pytest.raises(BadState):
        start_with(file)


def start_with(file):
    start(SandboxConfig(webhook_secret=SECRET, port=0, state_file=file)).stop()


def test_ids_follow_the_seed_only_where_that_is_asked_for():
    def first(**how):
        with running(**how) as (_, call):
            return call.company()

    assert first(has_fixed_ids=True, seed=3) == first(has_fixed_ids=True, seed=3)
    assert first(has_fixed_ids=True, seed=3) != first(has_fixed_ids=True, seed=4)
    assert first() != first()


def test_the_command_explains_what_it_can_play():
    said = CliRunner().invoke(main, ["sandbox", "play", "--help"]).output
    assert "missed-webhooks" in said
