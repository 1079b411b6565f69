"""Schedules through the API: set, previewed, suspended by status, listed and removed."""

import time
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
import pytest

from relay.store.schedules.due import Schedules
from relay.syncs.change import Rescheduling
from relay.syncs.schedule import Cadence, Schedule
from support.parts import company_id
from support.portal_bench import Portal, kind, make_company, problem
from support.stored import put_schedule

INVOICES = f"/v1/schedules/{company_id(1)}/invoices"


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1), make_company(2, "Deauthorized"))
    return portal


def test_a_schedule_is_saved_and_answered_with_its_next_five_runs(portal):
    answer = portal.put(
        INVOICES,
        json={"cadence": "weekly", "weekday": 5, "hour": 6, "minute": 30, "timezone": "Asia/Tokyo"},
    )
    assert answer.status_code == 201
    assert answer.json["origin"] == "person"
    runs = [datetime.fromisoformat(text) for text in answer.json["next_runs"]]
    local = [run.astimezone(ZoneInfo("Asia/Tokyo")) for run in runs]
    assert [(at.isoweekday(), at.hour, at.minute) for at in local] == [(5, 6, 30)] * 5
    assert runs == sorted(set(runs))
    held = portal.store.schedules.of(company_id(1))["invoices"]
    assert portal.store.schedules.next_due([held]) == [int(runs[0].timestamp())]
    assert answer.json["next_due"] == answer.json["next_runs"][0]


def test_setting_a_schedule_again_replaces_it(portal):
    portal.put(INVOICES, json={"cadence": "daily"})
    answer = portal.put(INVOICES, json={"cadence": "hourly", "minute": 5})
    assert answer.status_code == 200
    [listed] = portal.get(f"/v1/schedules?company={company_id(1)}").json["schedules"]
    assert (listed["cadence"], listed["minute"]) == ("hourly", 5)


def test_a_preview_saves_nothing(portal):
    answer = portal.put(INVOICES + "?preview=true", json={"cadence": "monthly", "day": 31})
    assert (answer.status_code, answer.json["saved"]) == (200, False)
    assert len(answer.json["next_runs"]) == 5
    assert portal.store.schedules.of(company_id(1)) == {}
    assert portal.put(INVOICES, json={"cadence": "monthly"}).json["saved"] is True


def test_an_unlinked_companys_schedule_is_suspended_with_a_reason(portal):
    answer = portal.put(f"/v1/schedules/{company_id(2)}/all", json={"cadence": "daily"})
    assert answer.json["suspended"] == "the company is Deauthorised"
    assert (answer.json["next_due"], answer.json["next_runs"]) == (None, [])
    assert portal.store.schedules.count() == 0
    [listed] = portal.get(f"/v1/schedules?company={company_id(2)}").json["schedules"]
    assert listed["suspended"] == "the company is Deauthorised"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "cadence"),
        ({"cadence": "yearly"}, "cadence"),
        ({"cadence": "daily", "hour": 24}, "hour"),
        ({"cadence": "hourly", "minute": 60}, "minute"),
        ({"cadence": "weekly", "weekday": 0}, "weekday"),
        ({"cadence": "monthly", "day": 32}, "day"),
        ({"cadence": "daily", "spread": -1}, "spread"),
        ({"cadence": "hourly", "spread": 3601}, "body"),
        ({"cadence": "daily", "timezone": "Mars/Base"}, "timezone"),
        ({"cadence": "daily", "timezone": "../../etc/passwd"}, "timezone"),
        ({"cadence": "daily", "timezone": "Europe"}, "timezone"),
        ({"cadence": "daily", "suspended": "no"}, "suspended"),
        ({"cadence": "daily", "every": 6}, "body"),
        ({"cadence": "hourly", "every": 5}, "every"),
        ({"cadence": "daily", "catch_up": "some"}, "catch_up"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_by_field(portal, body, field):
    answer = portal.put(INVOICES, json=body)
    assert [error["field"] for error in problem(answer)["errors"]] == [field]
    assert portal.store.schedules.of(company_id(1)) == {}


def test_an_unknown_data_type_is_refused(portal):
    answer = portal.put(f"/v1/schedules/{company_id(1)}/gossip", json={"cadence": "daily"})
    assert problem(answer)["errors"][0]["field"] == "data_type"


def test_an_unknown_company_has_no_schedules(portal):
    gone = company_id(9)
    assert kind(portal.get(f"/v1/schedules?company={gone}")) == "unknown-company"
    assert kind(portal.put(f"/v1/schedules/{gone}/all", json={"cadence": "daily"})) == (
        "unknown-company"
    )


def test_the_schedules_of_all_companies_are_listed_soonest_first(portal):
    portal.hold(make_company(3))
    portal.put(f"/v1/schedules/{company_id(3)}/all", json={"cadence": "monthly"})
    portal.put(INVOICES, json={"cadence": "hourly"})
    portal.put(f"/v1/schedules/{company_id(2)}/all", json={"cadence": "hourly"})
    listed = portal.get("/v1/schedules").json["schedules"]
    due = [schedule["next_due"] for schedule in listed]
    assert len(due) == 2
    assert due == sorted(due)
    assert len(portal.get("/v1/schedules?limit=1").json["schedules"]) == 1


def test_a_removed_schedule_is_gone(portal):
    portal.put(INVOICES, json={"cadence": "daily"})
    answer = portal.delete(INVOICES)
    assert (answer.status_code, answer.data) == (204, b"")
    assert portal.store.schedules.of(company_id(1)) == {}
    assert portal.store.schedules.count() == 0
    assert kind(portal.delete(INVOICES)) == "not-found"


def test_a_change_that_comes_in_between_is_not_lost_unseen(portal, monkeypatch):
    """We look, someone writes, we write: then we look again and write over what there is now."""
    write, between = Schedules.write, []

    def write_after_another(self: Schedules, at, change, *told):
        if not between:
            between.append("once")
            write(
                self, at, replace(change, after=change.after.suspend("meanwhile")), Rescheduling()
            )
        return write(self, at, change, *told)

    monkeypatch.setattr(Schedules, "write", write_after_another)
    assert portal.put(INVOICES, json={"cadence": "daily"}).status_code == 200
    assert portal.store.schedules.of(company_id(1))["invoices"].suspended is None


def test_a_schedule_that_never_stands_still_is_a_conflict(portal, monkeypatch):
    monkeypatch.setattr(Schedules, "write", lambda *_: (False, False))
    assert kind(portal.put(INVOICES, json={"cadence": "daily"})) == "conflict"


def test_setting_the_same_again_changes_nothing_and_keeps_it_late(portal):
    daily = {"cadence": "daily", "catch_up": "all"}
    late = int(time.time()) - 2 * 86_400
    given = Schedule(company_id(1), "invoices", Cadence.DAILY)
    assert put_schedule(portal.store, given, late, over=None)
    for _ in range(2):
        assert portal.put(INVOICES, json=daily).status_code == 200
    [held] = portal.store.schedules.of(company_id(1)).values()
    assert portal.store.schedules.next_due([held]) == [late]
    assert told(portal) == ["changed"]


def told(portal):
    """The changes of schedules that the first company's lane was told."""
    bodies = [
        orjson.loads(fields[b"body"])
        for fields in portal.messages(1)
        if fields[b"type"] == b"relay.schedules_changed"
    ]
    return [one["change"] for body in bodies for one in body["payload"]["schedules"]]


def test_a_schedule_change_is_logged_with_its_author(portal):
    portal.put(INVOICES, json={"cadence": "daily"})
    portal.put(INVOICES, json={"cadence": "weekly"})
    portal.delete(INVOICES)
    assert told(portal) == ["given", "changed", "removed"]
    causes = [fields[b"id"] for fields in portal.messages(1) if b"api:" in fields[b"id"]]
    assert len(set(causes)) == 3
    assert all(cause.startswith(b"api:olga:invoices:") for cause in causes)


def test_a_suspension_keeps_its_start_when_the_schedule_is_set_again(portal):
    invoices = f"/v1/schedules/{company_id(2)}/invoices"
    since = int(time.time()) - 3600
    asleep = Schedule(company_id(2), "invoices", Cadence.HOURLY).suspend(
        "the company is Unlinked", since
    )
    assert put_schedule(portal.store, asleep, None, over=None)
    assert portal.put(invoices, json={"cadence": "hourly", "fresh": 5}).status_code == 200
    assert portal.store.schedules.of(company_id(2))["invoices"].suspended_at == since
    assert portal.put(invoices, json={"cadence": "daily"}).status_code == 200
    assert portal.store.schedules.of(company_id(2))["invoices"].suspended_at > since


def test_every_few_hours_catch_up_freshness_and_off_are_kept(portal):
    body = {"cadence": "hourly", "every": 6, "minute": 15, "catch_up": "all", "cap": 3, "fresh": 24}
    answer = portal.put(INVOICES, json=body)
    assert {name: answer.json[name] for name in body} == body
    hours = [datetime.fromisoformat(run).hour for run in answer.json["next_runs"]]
    assert set(hours) == {0, 6, 12, 18}
    answer = portal.put(INVOICES, json={**body, "off": True})
    assert (answer.json["off"], answer.json["next_runs"]) == (True, [])
    assert portal.store.schedules.count() == 0


def test_many_are_set_at_once_and_one_that_is_refused_stops_no_other(portal):
    ids = [company_id(1), company_id(9), company_id(2)]
    body = {"companies": ids, "data_type": "bills", "schedule": {"cadence": "hourly"}}
    preview = portal.post("/v1/schedules", json=body | {"preview": True}).json
    assert portal.store.schedules.of(company_id(1)) == {}
    done = portal.post("/v1/schedules", json=body).json
    assert (preview["saved"], done["saved"], done["refused"]) == (False, True, 1)
    assert preview["schedules"] == done["schedules"]
    assert [row["error"] is None for row in done["schedules"]] == [True, False, True]
    assert [row["suspended"] for row in done["schedules"]][2] == "the company is Deauthorised"
    assert sum(preview["load"]) in (167, 168)
    assert portal.store.schedules.count() == 1
    removed = portal.post("/v1/schedules", json=body | {"schedule": None}).json
    assert [-count for count in removed["load"]] == preview["load"]
    assert portal.store.schedules.count() == 0


def test_many_are_refused_whole_when_the_definition_makes_no_sense(portal):
    body = {"companies": [company_id(1)], "data_type": "bills"}
    assert problem(portal.post("/v1/schedules", json=body))["errors"][0]["field"] == "schedule"
    wrong = body | {"schedule": {"cadence": "daily", "hour": 24}}
    assert kind(portal.post("/v1/schedules", json=wrong)) == "invalid"
    none = body | {"companies": [], "schedule": None}
    assert kind(portal.post("/v1/schedules", json=none)) == "invalid"


def test_the_load_can_be_asked_for_with_what_a_change_would_add(portal):
    portal.put(INVOICES, json={"cadence": "hourly"})
    now = portal.get("/v1/schedules/load?hours=48").json
    then = portal.post("/v1/schedules/load", json={"hours": 48, "added": [0, 40_000]}).json
    assert then["hours"][1]["syncs"] == now["hours"][1]["syncs"] + 40_000
    assert (now["warnings"], len(then["warnings"])) == ([], 2)
    less = portal.post("/v1/schedules/load", json={"hours": 48, "added": [-9] * 48}).json
    assert less["total"] == 0


def test_a_preview_says_where_the_limits_would_not_cover_it():
    portal = Portal(relay_calls_per_minute=1)
    for number in range(1, 32):
        portal.hold(make_company(number))
        path = f"/v1/schedules/{company_id(number)}/all"
        preview = portal.put(f"{path}?preview=true", json={"cadence": "hourly"}).json
        portal.put(path, json={"cadence": "hourly"})
        assert bool(preview["warnings"]) is (number > 30)
    assert (
        portal.put(f"{path}?preview=true", json={"cadence": "hourly", "off": True}).json["warnings"]
        == []
    )


def test_several_companies_are_listed_whole(portal):
    for number in (1, 2):
        portal.put(f"/v1/schedules/{company_id(number)}/bills", json={"cadence": "hourly"})
        portal.put(f"/v1/schedules/{company_id(number)}/all", json={"cadence": "hourly"})
    query = f"company={company_id(2)}&company={company_id(1)}&limit=1"
    listed = portal.get(f"/v1/schedules?{query}").json["schedules"]
    assert [row["company_id"] for row in listed] == [company_id(n) for n in (2, 2, 1, 1)]
