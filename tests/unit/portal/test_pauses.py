"""Pauses through the API: set with a reason, listed with what they hold back, ended."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from relay.store import keys
from relay.store.companies.states import Companies
from relay.syncs.pause import Scope
from scheduler import dispatch
from support.parts import SentHints, company_id
from support.portal_bench import VIEWER, Portal, kind, make_company, problem

BODY = {"scope": "everything", "reason": "a migration"}


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1))
    return portal


def test_a_pause_is_on_at_once_and_names_who_set_it(portal):
    answer = portal.post("/v1/pauses", json=BODY)
    assert answer.status_code == 201
    assert (answer.json["on"], answer.json["owner"], answer.json["ends"]) == (True, "olga", None)
    portal.client.zadd(keys.PARKED + answer.json["id"], {f"{company_id(1)}|all": 1})
    [listed] = portal.get("/v1/pauses").json["pauses"]
    assert listed == answer.json | {"holds_back": 1}
    assert portal.hints.drained == [0]


def test_a_pause_of_a_data_type_says_that_schedules_for_all_go_on(portal):
    body = {"scope": "data_type", "value": "invoices", "reason": "x"}
    preview = portal.post("/v1/pauses?preview=true", json=body).json
    assert "`all` read this data type too" in preview["note"]
    assert portal.post("/v1/pauses", json=body).json["note"] == preview["note"]
    assert portal.post("/v1/pauses", json=body | {"value": "all"}).json["note"] is None
    assert portal.post("/v1/pauses", json=BODY).json["note"] is None


def test_an_ended_pause_is_gone(portal):
    pause = portal.post("/v1/pauses", json=BODY).json["id"]
    assert portal.delete(f"/v1/pauses/{pause}").status_code == 204
    assert portal.get("/v1/pauses").json["pauses"] == []
    assert kind(portal.delete(f"/v1/pauses/{pause}")) == "not-found"


def test_a_company_and_a_window_are_kept_as_given(portal):
    window = {"timezone": "Europe/London", "start": "22:00", "end": "06:00", "weekdays": [1, 5]}
    body = {**BODY, "scope": "company", "value": company_id(1).upper(), "window": window}
    answer = portal.post("/v1/pauses", json=body)
    assert answer.json["window"] == window
    [held] = portal.store.pauses.all()
    assert (held.scope, held.value) == (Scope.COMPANY, company_id(1))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": "nothing"}, "scope"),
        ({"value": "x"}, "body"),
        ({"scope": "platform"}, "body"),
        ({"scope": "company", "value": "../x"}, "body"),
        ({"scope": "data_type", "value": "gossip"}, "body"),
        ({"reason": ""}, "reason"),
        ({"ends": "2026-01-01T00:00:00"}, "ends"),
        ({"window": {"start": "24:00", "end": "06:00"}}, "window.start"),
        ({"window": {"start": "22:00", "end": "06:00", "timezone": "Mars"}}, "window.timezone"),
        ({"window": {"start": "22:00", "end": "06:00", "weekdays": [0]}}, "window.weekdays.0"),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused_by_field(portal, change, field):
    answer = portal.post("/v1/pauses", json=BODY | change)
    assert [error["field"] for error in problem(answer)["errors"]] == [field]


def test_an_end_in_the_past_and_a_viewer_are_refused(portal):
    past = portal.post("/v1/pauses", json=BODY | {"ends": "2026-01-01T00:00:00Z"})
    assert kind(past) == "conflict"
    assert kind(portal.post("/v1/pauses", json=BODY, token=VIEWER)) == "forbidden"
    assert portal.store.pauses.all() == []


def fall_due(portal: Portal, seconds: int) -> None:
    dispatch.dispatch(portal.store, SentHints(), int(time.time()) + seconds)


@pytest.mark.parametrize("seconds", [0, 3700])
def test_a_paused_schedule_names_the_pause_and_its_end(portal, seconds):
    portal.hold(make_company(1))
    path = f"/v1/schedules/{company_id(1)}/invoices"
    portal.put(path, json={"cadence": "hourly"})
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    body = BODY | {"scope": "platform", "value": "Xero", "ends": ends.isoformat()}
    pause = portal.post("/v1/pauses", json=body).json
    fall_due(portal, seconds)
    shown = portal.get(path).json
    assert shown["paused"] == {
        "pause": pause["id"],
        "scope": "platform",
        "value": "Xero",
        "owner": "olga",
        "reason": "a migration",
        "until": pause["ends"],
    }
    assert (shown["next_due"] is None) is bool(seconds)
    assert len(shown["next_runs"]) == 5
    assert min(map(datetime.fromisoformat, shown["next_runs"])) >= ends
    [of_company] = portal.get(f"/v1/companies/{company_id(1)}").json["schedules"]
    assert of_company["paused"] == shown["paused"]
    [waiting] = portal.get("/v1/schedules?paused=true").json["schedules"] or [None]
    assert waiting == (of_company if seconds else None)
    assert bool(portal.get("/v1/schedules").json["schedules"]) is not bool(seconds)


def test_a_pause_that_ends_before_the_next_run_holds_nothing_back(portal):
    portal.hold(make_company(1))
    path = f"/v1/schedules/{company_id(1)}/invoices"
    portal.put(path, json={"cadence": "monthly"})
    ends = datetime.fromisoformat(portal.get(path).json["next_due"]) - timedelta(seconds=1)
    portal.post("/v1/pauses", json=BODY | {"ends": ends.isoformat()})
    assert portal.get(path).json["paused"] is None


def test_a_schedule_paused_until_somebody_ends_it_has_no_next_runs(portal):
    portal.hold(make_company(1))
    path = f"/v1/schedules/{company_id(1)}/invoices"
    portal.post("/v1/pauses", json=BODY)
    preview = portal.put(f"{path}?preview=true", json={"cadence": "hourly"}).json
    assert (preview["paused"]["until"], preview["next_runs"]) == (None, [])
    assert portal.put(path, json={"cadence": "hourly", "off": True}).json["paused"] is None


def test_the_list_of_many_pauses_walks_the_companies_once(portal, monkeypatch):
    for number in (1, 2):
        portal.hold(make_company(number, tags={"region": "uk"}))
        portal.put(f"/v1/schedules/{company_id(number)}/all", json={"cadence": "daily"})
    portal.put(f"/v1/schedules/{company_id(1)}/invoices", json={"cadence": "hourly"})
    wanted = {
        ("platform", "XERO"): 3,
        ("tag", "region"): 3,
        ("tag", "region=uk"): 3,
        ("data_type", "all"): 2,
        ("data_type", "bills"): 0,
        ("company", company_id(1)): 2,
        ("everything", ""): 3,
    }
    for scope, value in wanted:
        for _ in range(5):
            body = {"scope": scope, "value": value, "reason": "x"}
            assert portal.post("/v1/pauses", json=body).status_code == 201
    walks = []
    walk = Companies.all
    monkeypatch.setattr(Companies, "all", lambda self: (walks.append(1), walk(self))[1])
    listed = portal.get("/v1/pauses").json["pauses"]
    assert len(listed) == 35
    assert {(one["scope"], one["value"]): one["covers"] for one in listed} == wanted
    assert len(walks) == 1


def test_an_unused_tag_is_taken_if_the_request_insists(portal):
    body = {"scope": "tag", "value": "pilot", "reason": "x"}
    [error] = problem(portal.post("/v1/pauses", json=body))["errors"]
    assert "`anyway`" in error["message"]
    made = portal.post("/v1/pauses", json=body | {"anyway": True})
    assert (made.status_code, made.json["covers"]) == (201, 0)
    portal.hold(make_company(3, tags={"pilot": "yes"}))
    portal.put(f"/v1/schedules/{company_id(3)}/all", json={"cadence": "daily"})
    assert portal.get("/v1/pauses").json["pauses"][0]["covers"] == 1
    other = body | {"scope": "platform", "anyway": True}
    assert [e["field"] for e in problem(portal.post("/v1/pauses", json=other))["errors"]] == [
        "body"
    ]
