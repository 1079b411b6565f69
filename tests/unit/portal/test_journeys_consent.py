"""What a customer is told that is read: never nothing, never too little, never needlessly much."""

import pytest

from codat.client import Codat
from codat.records import Integration
from portal.link.consent import shared
from relay.journeys.journey import MAX_ACTS
from support.journeys import AtCodat, agreed, invite, steps
from support.parts import company_id
from support.portal_bench import Portal, make_company
from support.sandboxes import running


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def consented(portal, **body):
    made, at = invite(portal, platforms=["gbol"], **body)
    agreed(portal, at)
    [consent] = portal.get(f"/v1/journeys/{made['id']}").json["consents"]
    return consent


@pytest.mark.parametrize(
    ("kind", "some", "count"),
    [
        ("Accounting", "profitAndLoss", 28),
        ("Banking", "banking-accounts", 4),
        ("Commerce", "commerce-orders", 11),
        ("Expense", "bills", 43),
        (None, "bills", 43),
    ],
)
def test_a_platform_without_a_list_has_all_data_types_of_its_type(kind, some, count):
    for raw in ({}, {"datatypeFeatures": []}, {"datatypeFeatures": None}):
        types = shared(Integration("abcd", "X", kind, raw=raw), None)
        assert some in types
        assert len(types) == count


def test_nobody_agrees_to_an_empty_list(portal):
    portal.get("/v1/integrations")
    for one in portal.app.extensions["codat-relay"].platforms.all():
        one.raw.pop("datatypeFeatures", None)
    consent = consented(portal)
    assert len(consent["data_types"]) == 28
    assert any("invoices" in sentence.lower() for sentence in consent["text"])


def test_consent_covers_only_data_that_settings_or_schedules_read(portal):
    portal.store.platforms.keep_read_by_codat(["company", "invoices", "banking-accounts"])
    portal.put("/v1/policy", json={"rules": [
        {"data_type": "bills", "schedule": {"cadence": "daily"}},
    ]})  # fmt: skip
    assert consented(portal)["data_types"] == ["bills", "company", "invoices"]


def test_a_company_linked_before_may_have_its_own_settings(portal):
    portal.store.platforms.keep_read_by_codat(["company"])
    portal.hold(make_company(1, "Deauthorized"))
    made, at = invite(portal, company_id=company_id(1))
    agreed(portal, at)
    assert 'name="version"' in portal.web.get(at).text or portal.codat.asked
    shown = portal.get(f"/v1/journeys/{made['id']}").json["consents"]
    assert len(shown[0]["data_types"]) == 28


def test_settings_that_fit_nothing_of_the_platform_are_not_believed(portal):
    portal.store.platforms.keep_read_by_codat(["commerce-orders"])
    assert len(consented(portal)["data_types"]) == 28


def test_one_link_cannot_make_the_log_grow_without_end(portal):
    made, at = invite(portal)
    for _ in range(MAX_ACTS - 3):
        portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    agreed(portal, at)  # chooses, agrees and goes
    before, kept = len(portal.messages(1)), len(portal.codat.asked)
    for act, data in (
        ("platform", {"platform": "fbrh"}),
        ("authorise", {}),
        ("back", {}),
        ("not-listed", {"sought": "x"}),
        ("leave", {"reason": "later"}),
    ):
        answer = portal.web.post(f"{at}/{act}", data=data)
        assert answer.status_code == 429, act
        assert "used very often" in answer.text
    assert len(portal.messages(1)) == before <= MAX_ACTS + 5
    assert len(portal.codat.asked) == kept
    assert portal.web.get(at).status_code == 200
    link = portal.post(f"/v1/journeys/{made['id']}/link", json={}).json["link"]
    again = "/link/" + link.rpartition("/")[2]
    assert portal.web.post(f"{again}/platform", data={"platform": "fbrh"}).status_code == 303
    assert steps(portal, made)[-1] == "platform_chosen"


def test_codats_settings_are_read_over_a_socket():
    with running() as (sandbox, ask):
        ask("POST", "/profile/syncSettings", json={
            "clientId": ask("GET", "/profile/syncSettings").json()["clientId"],
            "settings": [{"dataType": "bills", "fetchOnFirstLink": False, "syncSchedule": 0,
                          "syncOrder": 0}],
            "overridesDefaults": True,
        })  # fmt: skip
        with Codat("sandbox", sandbox.url, timeout=(2, 5)) as codat:
            settings = {one.data_type: one for one in codat.get_profile_sync_settings().settings}
    assert not settings["bills"].on_first_link
    assert settings["invoices"].on_first_link
