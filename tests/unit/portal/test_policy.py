"""The policy through the API: seen, previewed, set, applied when asked, and not beside a file."""

from dataclasses import replace

import pytest

from relay.syncs.schedule import ALL, Anchor, Cadence, Schedule
from support.parts import company_id
from support.portal_bench import VIEWER, Portal, kind, make_company, problem
from support.stored import put_schedule, stored_intent

WEEKLY = {"rules": [{"schedule": {"cadence": "weekly", "weekday": 5}}]}
GIVEN = Schedule(company_id(1), ALL, Cadence.DAILY, origin="policy")


@pytest.fixture
def portal() -> Portal:
    portal = Portal()
    portal.hold(make_company(1), make_company(2), make_company(3, "Unlinked"))
    put_schedule(portal.store, GIVEN, 1, over=None)
    mine = replace(GIVEN, company_id=company_id(2), origin="person", anchor=Anchor(hour=3))
    put_schedule(portal.store, mine, 1, over=None)
    return portal


def test_without_a_policy_the_setting_speaks(portal):
    found = portal.get("/v1/policy").json
    assert found["origin"] == "setting"
    assert [rule["schedule"]["cadence"] for rule in found["policy"]["rules"]] == ["daily"]


def test_a_preview_shows_what_would_change_and_saves_nothing(portal):
    found = portal.put("/v1/policy?preview=true", json=WEEKLY).json
    assert found["saved"] is False
    preview = found["preview"]
    assert (preview["looked_at"], preview["changes"], preview["kept"]) == (3, {"changed": 1}, 1)
    [example] = preview["examples"]
    assert example["company_id"] == company_id(1)
    assert example["before"] == "daily at 00:00 UTC"
    assert example["after"] == "weekly, day 5 at 00:00 UTC"
    assert portal.get("/v1/policy").json["origin"] == "setting"


def test_a_policy_set_changes_no_company_until_it_is_applied(portal):
    assert portal.put("/v1/policy", json=WEEKLY).json["applied_to"] == 0
    assert portal.get("/v1/policy").json["origin"] == "api"
    assert portal.store.intents.counts()["now"] == 0
    assert portal.put("/v1/policy?apply=true", json=WEEKLY).json["applied_to"] == 3
    assert stored_intent(portal.store, f"cadence:{company_id(1)}:apply")["args"] == '{"apply":true}'
    assert portal.hints.performed == 1
    assert portal.delete("/v1/policy").status_code == 204
    assert portal.get("/v1/policy").json["origin"] == "setting"


def test_a_policy_file_is_not_written_over(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('[[rules]]\nschedule = { cadence = "hourly" }\n')
    portal = Portal(relay_policy_file=path)
    assert portal.get("/v1/policy").json["origin"] == "file"
    assert kind(portal.put("/v1/policy", json=WEEKLY)) == "conflict"
    assert portal.put("/v1/policy?preview=true", json=WEEKLY).json["preview"]["looked_at"] == 0


def test_a_policy_that_cannot_be_meant_is_refused_by_field(portal):
    wrong = {"rules": [{"schedule": {"cadence": "daily", "hour": 24}}]}
    [error] = problem(portal.put("/v1/policy", json=wrong))["errors"]
    assert error["field"] == "rules.0.schedule.hour"
    assert kind(portal.put("/v1/policy", json=WEEKLY, token=VIEWER)) == "forbidden"
