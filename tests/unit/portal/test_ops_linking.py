"""The list of links that need somebody: who may invite again or accept, and what is told of it."""

import re
from dataclasses import replace

import orjson
import pytest

from relay.companies.identity import mark_of
from relay.store.journeys.records import Contended
from relay.store.server.durable import NotDurable
from support.journeys import AtCodat
from support.ops_pages import get, proof, sign_in, text_of
from support.parts import company_id, connection_id
from support.portal_bench import FLAG, OPERATOR, VIEWER, Portal, kind, make_company

BEFORE = {"companyName": "Acme & Söhne", "registrationNumber": "1"}
NOW = {"companyName": "Other <b>Ltd</b>", "registrationNumber": "2"}


@pytest.fixture
def portal():
    portal = Portal(codat=AtCodat())
    other = make_company(3, info=NOW, expected=BEFORE, identity_mismatch=FLAG)
    broken = make_company(2, "Deauthorized")
    gone = replace(make_company(4, "Unlinked"), deleted=True)
    portal.hold(make_company(1), broken, other, gone)
    return portal


def send(portal, number, act, **form):
    page = get(portal, "/ops/linking")
    keys = re.findall(r'name="key" value="(\w+)"', page.text)
    form = {"csrf": proof(page), "key": keys[0] if keys else ""} | form
    path = f"/ops/linking/{company_id(number)}/{act}"
    return portal.post(path, token=None, data=form)


def told(portal, number):
    last = portal.messages(number)[-1]
    return last[b"type"].decode(), orjson.loads(last[b"body"])["payload"]


def test_the_list_shows_only_broken_and_mismatched_companies(portal):
    sign_in(portal, OPERATOR)
    shown = text_of(get(portal, "/ops/linking"))
    assert "Company 2 Deauthorised" in shown
    assert "Xero : Deauthorized" in shown
    assert "Expected: Acme & Söhne (1). Connected now: Other <b>Ltd</b> (2)." in shown
    assert "Company 1" not in shown
    assert "Company 4" not in shown


def test_an_operator_invites_again_and_sees_the_link_once(portal):
    sign_in(portal, OPERATOR)
    page = send(portal, 2, "invite", connection=connection_id(2))
    assert page.status_code == 200
    link = page.text.partition('id="link">')[2].partition("<")[0]
    at = "/link/" + link.rpartition("/link/")[2]
    assert "Connect <bdi>Xero</bdi> again" in portal.web.get(at).text
    kind, data = told(portal, 2)
    assert kind in ("journey.started", "journey.opened")
    [journey] = portal.get("/v1/journeys").json["journeys"]
    assert (journey["by"], journey["reconnects"]) == ("olga", connection_id(2))
    assert link not in get(portal, "/ops/linking").text
    assert data["journey"] == journey["id"]


def test_an_accepted_other_name_is_logged_with_the_operator(portal):
    sign_in(portal, OPERATOR)
    assert "Accepted" in send(portal, 3, "accept", identity_mark=mark_of(NOW)).text
    data = {"by": "olga", "identity_mark": mark_of(NOW)}
    assert told(portal, 3) == ("relay.identity_accepted", data)


def test_only_whom_the_page_showed_is_accepted(portal):
    sign_in(portal, OPERATOR)
    shown = re.search(r'name="identity_mark" value="(\w+)"', get(portal, "/ops/linking").text)[1]
    third = {"companyName": "Never Shown Ltd", "registrationNumber": "3"}
    portal.hold(make_company(3, info=third, expected=BEFORE, identity_mismatch=FLAG))
    for form in ({"identity_mark": shown}, {}):
        answer = send(portal, 3, "accept", **form)
        assert answer.status_code == 409
        assert "name another by now" in answer.text
        assert "Never Shown Ltd" in answer.text
    assert told(portal, 3)[0] == "relay.test"
    path = f"/v1/companies/{company_id(3)}"
    assert kind(portal.post(f"{path}/identity/accept?identity_mark={shown}")) == "conflict"
    shown = portal.get(path).json["identity_mark"]
    answer = portal.post(f"{path}/identity/accept?identity_mark={shown}")
    assert answer.status_code == 204
    assert portal.post(f"{path}/identity/accept").status_code == 204


def test_two_companies_that_look_alike_differ_by_their_books(portal):
    books = [BEFORE | {"accountingPlatformRef": name} for name in ("a", "b")]
    flag = {"accountingPlatformRef": {"previous": "a", "current": "b"}}
    portal.hold(make_company(6, expected=books[0], info=books[1], identity_mismatch=flag))
    sign_in(portal, OPERATOR)
    shown = text_of(get(portal, "/ops/linking"))
    assert "Connected now: Acme & Söhne (1) in other books." in shown
    assert "Connected now: Other <b>Ltd</b> (2)." in shown


@pytest.mark.parametrize("fault", [NotDurable, Contended])
def test_a_failed_or_contended_write_is_a_page_that_says_try_again(portal, monkeypatch, fault):
    def fail(*_):
        raise fault("no")

    sign_in(portal, OPERATOR)
    monkeypatch.setattr(portal.store.journeys, "start", fail)
    answer = send(portal, 2, "invite", connection=connection_id(2))
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "ry again" in answer.text
    assert answer.headers["Retry-After"]


def test_an_invitation_that_is_loaded_again_is_the_same_one(portal):
    sign_in(portal, OPERATOR)
    key = re.search(r'name="key" value="(\w+)"', get(portal, "/ops/linking").text)[1]
    form = {"connection": connection_id(2), "key": key}
    links = [
        re.search(r'id="link">([^<]+)<', send(portal, 2, "invite", **form).text)[1]
        for _ in range(2)
    ]
    assert links[0] == links[1]
    [journey] = portal.get("/v1/journeys").json["journeys"]
    portal.post(f"/v1/journeys/{journey['id']}/link", json={})
    answer = send(portal, 2, "invite", **form)
    assert answer.status_code == 409
    assert "renewed or revoked" in answer.text
    for made_up in ("", "f" * 22, "0" * 22, "x"):
        assert send(portal, 2, "invite", **form | {"key": made_up}).status_code == 400
    send(portal, 2, "invite", connection=connection_id(2))  # another form, another link
    assert len(portal.get("/v1/journeys").json["journeys"]) == 2


@pytest.mark.parametrize("act", ["invite", "accept"])
def test_a_viewer_may_look_and_a_form_that_is_not_ours_does_nothing(portal, act):
    before = len(portal.messages(2))
    sign_in(portal, VIEWER)
    page = get(portal, "/ops/linking")
    assert "Invite again" not in page.text
    assert "may only look" in page.text
    assert send(portal, 2, act, connection=connection_id(2)).status_code == 403
    sign_in(portal, OPERATOR)
    assert send(portal, 2, act, connection=connection_id(2), csrf="0" * 64).status_code == 400
    portal.web.delete_cookie("relay_ops", path="/ops")
    path = f"/ops/linking/{company_id(2)}/{act}"
    assert portal.post(path, token=None, data={}).headers["Location"] == "/ops/"
    assert len(portal.messages(2)) == before
    assert portal.get("/v1/journeys").json["journeys"] == []


@pytest.mark.parametrize(
    ("number", "connection", "status"),
    [(1, 1, 409), (2, 7, 409), (9, 9, 404)],
    ids=["linked", "not its own", "unknown"],
)
def test_what_cannot_be_linked_again_says_why(portal, number, connection, status):
    sign_in(portal, OPERATOR)
    answer = send(portal, number, "invite", connection=connection_id(connection))
    assert answer.status_code == status
    assert "notice" in answer.text


def test_the_list_goes_on_where_one_page_ends(portal, monkeypatch):
    monkeypatch.setattr("relay.services.links_to_repair.MAX_SHOWN", 1)
    sign_in(portal, OPERATOR)
    first = get(portal, "/ops/linking").text
    assert "Company 2" in first
    after = first.partition("?after=")[2].partition('"')[0]
    assert "Company 3" in get(portal, f"/ops/linking?after={after}").text
    last = text_of(get(portal, "/ops/linking?after=ffff"))
    assert "None among these." in last  # and not that every link works


@pytest.mark.parametrize(
    ("status", "why"), [("Deauthorized", "no longer lets"), ("Unlinked", "was disconnected from")]
)
def test_a_customer_asked_to_reconnect_reads_why_and_which_company(portal, status, why):
    portal.hold(make_company(5, status, info=BEFORE))
    made = portal.post("/v1/journeys", json={"company_id": company_id(5)}).json
    page = portal.web.get("/link/" + made["link"].rpartition("/")[2]).text
    assert "<h1>Connect <bdi>Xero</bdi> again</h1>" in page
    assert why in page
    assert "before: <bdi>Acme &amp; Söhne</bdi>" in page
    assert "will see in" in page
