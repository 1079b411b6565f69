"""What did not happen is not answered as done; what is so already may be asked for again."""

from dataclasses import replace

import pytest

from relay.journeys.journey import Step
from relay.journeys.rules import Change
from relay.store import keys
from support.journeys import AtCodat
from support.parts import company_id
from support.portal_bench import BEFORE, FLAG, NOW, Portal, kind, make_company, problem


@pytest.fixture
def portal():
    portal = Portal(codat=AtCodat())
    portal.hold(make_company(1), make_company(2, info=BEFORE))
    return portal


def test_there_must_be_something_to_accept(portal):
    path = f"/v1/companies/{company_id(2)}/identity/accept"
    mark = portal.get(f"/v1/companies/{company_id(2)}").json["identity_mark"]
    for query in ("", f"?identity_mark={mark}"):
        answer = portal.post(path + query)
        assert (answer.status_code, kind(answer)) == (409, "conflict")
        assert "nothing to accept" in problem(answer)["detail"]
    assert [told[b"type"] for told in portal.messages(2)] == [b"relay.test"]
    portal.hold(make_company(2, info=NOW, expected=BEFORE, identity_mismatch=FLAG))
    assert portal.post(path).status_code == 204
    unknown = portal.post(f"/v1/companies/{company_id(99)}/identity/accept")
    assert kind(unknown) == "unknown-company"


@pytest.mark.parametrize("phase", ["done", "stopped"])
def test_a_comparison_that_ended_is_not_aborted(portal, phase):
    begun = portal.post("/v1/reconciliations", json={"all": True}).json["id"]
    path = f"/v1/reconciliations/{begun}"
    portal.client.hset(keys.RECONCILE + begun, "phase", phase)
    assert kind(portal.post(f"{path}/abort")) == "conflict"
    assert portal.get(path).json["phase"] == phase
    portal.client.hset(keys.RECONCILE + begun, "phase", "pages")
    for _ in range(2):
        assert portal.post(f"{path}/abort").json["phase"] == "aborted"


def test_a_journey_that_expired_is_not_revoked(portal):
    made = portal.post("/v1/journeys", json={"reference": "L"}).json
    path = f"/v1/journeys/{made['id']}"
    expire = lambda held: Change(replace(held, step=Step.EXPIRED))  # noqa: E731
    portal.store.journeys.change(made["id"], expire)
    assert kind(portal.post(f"{path}/revoke")) == "conflict"
    assert portal.get(path).json["stage"] == "expired"
    assert portal.post(f"{path}/link", json={}).status_code == 200
    for _ in range(2):
        assert portal.post(f"{path}/revoke").json["stage"] == "revoked"


def test_a_policy_is_not_said_to_be_applied_to_deleted_companies(portal):
    portal.hold(make_company(3, deleted=True))
    every = portal.post("/v1/policy/apply", json={"all": True}).json
    named = portal.post("/v1/policy/apply", json={"companies": [company_id(3)]}).json
    put = portal.put("/v1/policy?apply=true", json={}).json
    assert [one["applied_to"] for one in (every, named, put)] == [2, 0, 2]


def test_a_subscription_that_is_paused_keeps_its_reason(portal):
    made = portal.post("/v1/subscriptions", json={"url": "https://x.test/"}).json
    path = f"/v1/subscriptions/{made['id']}"
    portal.client.hset(
        keys.SUBSCRIPTION + made["id"], mapping={"state": "paused", "reason": "it answered 410"}
    )
    assert portal.post(f"{path}/pause").json["reason"] == "it answered 410"
    for _ in range(2):
        assert portal.post(f"{path}/resume").json["state"] == "active"
    for _ in range(2):
        assert portal.post(f"{path}/pause").json["reason"] == "olga paused it"
