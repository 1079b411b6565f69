"""Finding journeys again, and refusing invitations that could lead nowhere."""

import pytest

from codat import errors
from support.journeys import AtCodat, invite
from support.portal_bench import Portal, kind, problem


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def walk(portal, query):
    found, before, pages = [], "", 0
    while before is not None:
        page = portal.get(f"/v1/journeys?{query}&before={before}").json
        found += [one["id"] for one in page["journeys"]]
        before, pages = page["next"], pages + 1
    return found, pages


def test_a_filtered_list_goes_on_past_what_one_request_looks_at(portal, monkeypatch):
    monkeypatch.setattr("portal.api.journeys.routes.SCAN_LIMIT", 3)
    monkeypatch.setattr("portal.api.journeys.routes.PAGE", 2)
    wanted = invite(portal, reference="first")[0]["id"]
    for _ in range(7):
        invite(portal)
    assert walk(portal, "reference=first") == ([wanted], 3)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("reference=A", 1),
        ("reference=a", 0),
        ("platform=gbol", 1),
        ("platform=xero", 1),
        ("stage=pick", 2),
        ("stage=consent", 1),
        ("stage=consent&reference=A", 0),
    ],
)
def test_journeys_are_found_by_reference_platform_and_stage(portal, query, count):
    for reference in ("A", "B"):
        invite(portal, reference=reference)
    invite(portal, reference="C", platforms=["gbol"])
    assert len(portal.get(f"/v1/journeys?{query}").json["journeys"]) == count


def test_a_stage_that_is_none_is_refused_and_all_there_are_are_named(portal):
    assert kind(portal.get("/v1/journeys?stage=typo")) == "invalid"
    schemas = portal.get("/openapi.json").json["components"]["schemas"]
    assert {"pick", "mismatch", "revoked"} <= set(schemas["Stage"]["enum"])


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"source_types": ["Nonsense"]}, "source_types", "no enabled platform is of type nonsense"),
        ({"source_types": ["BankFeed"]}, "source_types", "type bankfeed; known are Acc"),
        (
            {"source_types": ["nope"]},
            "source_types",
            "no enabled platform is of type nope; known are Accounting, Banking, Commerce",
        ),
        ({"platforms": ["gbol"], "source_types": ["Banking"]}, "platforms", "are of none of"),
    ],
)
def test_an_invitation_that_offers_nothing_is_refused_with_words(portal, body, field, said):
    answer = portal.post("/v1/journeys", json=body)
    assert kind(answer) == "invalid"
    [error] = problem(answer)["errors"]
    assert error["field"] == field
    assert said in error["message"]
    assert error["message"].count("Commerce") <= 1
    assert "create_company" not in portal.codat.asked


def test_types_are_taken_on_trust_while_the_platforms_are_not_known(portal):
    list_integrations = portal.codat.list_integrations

    def away():
        raise errors.Unreachable("no answer in time")

    portal.codat.list_integrations = away
    assert invite(portal, source_types=["Banking"])
    portal.codat.list_integrations = list_integrations


def test_a_revoked_journey_gets_no_new_link(portal):
    made, at = invite(portal)
    portal.post(f"/v1/journeys/{made['id']}/revoke")
    answer = portal.post(f"/v1/journeys/{made['id']}/link", json={})
    assert (answer.status_code, kind(answer)) == (409, "conflict")
    assert portal.web.get(at).status_code == 404
    assert portal.get(f"/v1/journeys/{made['id']}").json["stage"] == "revoked"
