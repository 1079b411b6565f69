"""What is to be done at Codat, by API: listed, counted, run again, and left for many companies."""

import pytest

from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_ms
from support.parts import company_id
from support.portal_bench import MOMENT, VIEWER, Portal, kind, make_company

NOW = MOMENT // 1000


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1), make_company(2), make_company(3, "Unlinked"))
    return portal


def need(name: str, number: int, due: int = NOW, priority: Priority = Priority.NOW) -> NewIntent:
    return NewIntent(name.format(company_id(number)), company_id(number), priority, due, "test")


def leave(portal: Portal, *needs: NewIntent) -> None:
    portal.store.intents.put(needs, NOW)


def give_up(portal: Portal, *needs: NewIntent) -> None:
    """Leave intents, and have each attempted once and set aside."""
    leave(portal, *needs)
    claimed = portal.store.intents.claim(
        now=NOW, lease_ms=1000, limit=len(needs), priorities=tuple(Priority)
    )
    for intent in claimed:
        portal.store.intents.finish(intent, "dead", now=NOW, lane=0, error="refused")


def listed(portal: Portal, query: str = "") -> list[str]:
    return [one["name"] for one in portal.get(f"/v1/intents{query}").json["intents"]]


def names(*needs: NewIntent) -> list[str]:
    return [one.name for one in needs]


def test_waiting_intents_are_listed_soonest_first_and_filtered(portal):
    late, soon, other = (
        need("info:{}", 1, NOW + 9),
        need("reread:{}", 1, NOW + 1),
        need("sync:{}:all:now-7", 2, NOW + 5),
    )
    leave(portal, late, soon, other)
    assert listed(portal) == names(soon, other, late)
    assert listed(portal, "?kind=info") == names(late)
    assert listed(portal, f"?company={company_id(1)}") == names(soon, late)
    assert listed(portal, f"?company={company_id(1)}&kind=info") == names(late)
    assert listed(portal, "?like=sync:*:now-7") == names(other)
    answer = portal.get("/v1/intents?limit=1").json
    assert (len(answer["intents"]), answer["total"]) == (1, 3)
    assert portal.get("/v1/intents?like=*:now-8").json["total"] == 0
    assert kind(portal.get("/v1/intents?like=[a]")) == "invalid"


def test_running_intents_are_listed_apart_from_waiting_ones(portal):
    leave(portal, need("info:{}", 1), need("info:{}", 2, NOW + 60_000))
    portal.store.intents.claim(now=NOW, lease_ms=9000, limit=9, priorities=[Priority.NOW])
    assert listed(portal, "?state=running") == [f"info:{company_id(1)}"]
    assert len(listed(portal)) == 2


def test_dead_intents_are_listed_with_the_reason_and_run_one_by_one(portal):
    one, two = need("info:{}", 1), need("info:{}", 2)
    give_up(portal, one, two)
    [*dead] = portal.get("/v1/intents?state=dead").json["intents"]
    assert {(d["name"], d["last_error"], d["attempts"]) for d in dead} == {
        (one.name, "refused", 1),
        (two.name, "refused", 1),
    }
    answer = portal.post("/v1/intents/retry", json={"names": [one.name, "info:unknown"]})
    assert (answer.status_code, answer.json["retried"]) == (202, 1)
    assert listed(portal, "?state=dead") == [two.name]
    assert listed(portal) == [one.name]
    assert portal.hints.performed == 1


@pytest.mark.parametrize(
    ("wanted", "again"),
    [
        ({"kind": "info"}, ["info:{1}", "info:{2}"]),
        ({"company": "{2}"}, ["info:{2}", "fresh:{2}"]),
        ({"company": "{2}", "kind": "info"}, ["info:{2}"]),
        ({"all": True}, ["info:{1}", "info:{2}", "fresh:{2}"]),
    ],
)
def test_dead_ones_are_run_again_by_filter_after_a_preview(portal, wanted, again):
    give_up(
        portal,
        need("info:{}", 1),
        need("info:{}", 2),
        need("fresh:{}", 2, priority=Priority.LOCAL),
    )
    fill = {"{1}": company_id(1), "{2}": company_id(2)}
    body = {k: fill.get(v, v) if isinstance(v, str) else v for k, v in wanted.items()}
    expected = {name.replace("{1}", fill["{1}"]).replace("{2}", fill["{2}"]) for name in again}
    preview = portal.post("/v1/intents/retry", json=body | {"preview": True})
    assert (preview.status_code, preview.json["retried"]) == (200, len(expected))
    # What calls nobody costs nothing.
    assert preview.json["cost"]["calls"] == len([name for name in expected if "info" in name])
    assert listed(portal) == []
    assert portal.post("/v1/intents/retry", json=body).json["retried"] == len(expected)
    assert set(listed(portal)) == expected


def test_which_dead_ones_must_be_said_and_by_whom_it_may_be(portal):
    for body in ({}, {"all": True, "kind": "info"}, {"names": ["a"], "all": True}):
        assert kind(portal.post("/v1/intents/retry", json=body)) == "invalid"
    refused = portal.post("/v1/intents/retry", json={"all": True}, token=VIEWER)
    assert kind(refused) == "forbidden"


def test_a_preview_counts_linked_companies_against_todays_quota(portal):
    now = now_ms()
    portal.store.budget.ended("call", None, now=now, limit=100, remaining=6, reset=now + 10**7)
    answer = portal.post("/v1/syncs", json={"all": True, "preview": True})
    assert (answer.status_code, answer.json["left"]) == (200, 0)
    assert answer.json["cost"] == {
        "companies": 2,
        "calls": 4,
        "calls_left_today": 1,
        "fits_today": False,
    }
    assert listed(portal) == []


def test_syncs_are_enqueued_for_linked_companies_and_counted_by_name(portal):
    answer = portal.post("/v1/syncs", json={"all": True, "data_type": "invoices"})
    assert (answer.status_code, answer.json["left"]) == (202, 2)
    [like] = answer.json["like"]
    assert portal.get(f"/v1/intents?like={like}").json["total"] == 2
    assert {name.split(":")[1] for name in listed(portal)} == {company_id(1), company_id(2)}
    unlinked = portal.post("/v1/syncs", json={"companies": [company_id(3)]})
    assert unlinked.json["left"] == 1  # asked for by its id: the log will say why it cannot be
    reason = "the company is Unlinked"
    assert unlinked.json["not_linked"] == [{"company_id": company_id(3), "reason": reason}]


def test_rereads_are_left_for_some_by_id_of_a_filter_or_all(portal):
    assert portal.post("/v1/rereads", json={"companies": [company_id(1)]}).json["left"] == 1
    assert portal.post("/v1/rereads", json={"status": "Unlinked"}).json["left"] == 1
    assert len(listed(portal, "?like=reread:*")) == 2
    assert portal.post("/v1/rereads", json={"all": True}).json["left"] == 3
    assert len(listed(portal, "?like=reread:*")) == 3
    unknown = portal.post("/v1/rereads", json={"companies": [company_id(9)]})
    assert kind(unknown) == "unknown-company"
    assert kind(portal.post("/v1/rereads", json={"all": True, "status": "Linked"})) == "invalid"
