"""A customer who does not want to go on says so, and the firm hears of it."""

from dataclasses import replace

import orjson
import pytest

from relay.companies.company import Connection
from relay.times import now_micros
from support.journeys import AtCodat, agreed, invite, refuse, steps
from support.parts import company_id, connection_id
from support.portal_bench import Portal, make_company

RETURN = "https://firm.example/linked?case=7"


@pytest.fixture
def portal():
    return Portal(codat=AtCodat())


def told(portal):
    [*_, last] = portal.messages(1)
    return last[b"type"].decode(), orjson.loads(last[b"body"])["payload"]


def to(stage, portal, at):
    if stage != "pick":
        portal.web.post(f"{at}/platform", data={"platform": "gbol"})
    if stage in ("waiting", "refused", "failed"):
        agreed(portal, at)
    if stage in ("refused", "failed"):
        refuse(portal, "403" if stage == "refused" else "500", "because")


@pytest.mark.parametrize(
    ("stage", "shown", "status"),
    [
        ("pick", "Which software", "left"),
        ("consent", "will see in", "left"),
        ("waiting", "Waiting for word", "left"),
        ("refused", "was not connected", "left"),
        ("failed", "was not connected", "failed"),
    ],
)
def test_each_page_lets_one_leave_and_logs_where_and_why(portal, stage, shown, status):
    made, at = invite(portal, return_url=RETURN)
    to(stage, portal, at)
    page = portal.web.get(at).text
    assert shown in page
    assert f'href="{at}/leave"' in page
    assert 'value="ask"' in portal.web.get(f"{at}/leave").text
    left = portal.web.post(f"{at}/leave", data={"reason": "ask"})
    at_stage = "refused" if stage == "failed" else stage
    kind, data = told(portal)
    assert kind == "journey.left"
    assert (data["stage"], data["reason"], data["journey"]) == (at_stage, "ask", made["id"])
    back = f"{RETURN}&journey={made['id']}&status={status}".replace("&", "&amp;")
    assert f'http-equiv="refresh" content="0;url={back}"' in left.text
    assert shown in portal.web.get(at).text  # the link goes on working, where it was


def test_without_a_return_address_a_page_says_the_link_still_works(portal):
    _, at = invite(portal)
    left = portal.web.post(f"{at}/leave")
    assert "http-equiv" not in left.text
    assert "goes on working until" in left.text
    assert f'href="{at}"' in left.text
    assert told(portal)[1]["reason"] is None


@pytest.mark.parametrize("reason", ["x" * 5000, "<script>", "LATER", ""])
def test_a_reason_that_is_none_of_ours_is_no_reason(portal, reason):
    _, at = invite(portal)
    portal.web.post(f"{at}/leave", data={"reason": reason})
    assert told(portal)[1]["reason"] is None


def test_leaving_sent_twice_is_logged_once(portal):
    made, at = invite(portal)
    for _ in range(2):
        portal.web.post(f"{at}/leave", data={"reason": "later"})
    assert steps(portal, made) == ["started", "opened", "left"]


def test_who_has_linked_has_nothing_to_leave(portal):
    made, at = invite(portal)
    agreed(portal, at)
    linked = Connection(
        connection_id(1), "Linked", (now_micros() + 1, "e"), "gbol", "Xero", "Accounting"
    )
    info = {"companyName": "Acme"}
    company = replace(make_company(1, "", info=info), connections={linked.id: linked})
    portal.hold(replace(company, info_version=(now_micros() + 2, "e")))
    assert f"{at}/leave" not in portal.web.get(at).text
    for answer in (portal.web.get(f"{at}/leave"), portal.web.post(f"{at}/leave")):
        assert answer.headers["Location"] == at
    assert "left" not in steps(portal, made)


def test_a_link_that_does_not_work_cannot_be_left(portal):
    assert portal.web.post("/link/guessed/leave").status_code == 404
    assert portal.web.get("/link/guessed/leave").data == portal.web.get("/link/guessed").data


def test_leaving_logs_nothing_else_for_the_company(portal):
    _, at = invite(portal)
    portal.web.post(f"{at}/leave", data={"reason": "unwilling"})
    assert [m[b"type"] for m in portal.messages(1)][-1] == b"journey.left"
    assert portal.store.companies.get(company_id(1)) is None  # nothing but messages in its lane
