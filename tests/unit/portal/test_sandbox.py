"""The portal's real client against a Codat that answers over a socket."""

from collections.abc import Iterator

import pytest

from portal.app import create_app
from support.parts import make_codat
from support.portal_bench import Portal, kind, problem
from support.sandboxes import Caller, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Caller]:
    with running() as (_, caller):
        yield caller


@pytest.fixture
def portal(sandbox: Caller) -> Iterator[Portal]:
    with make_codat("sandbox", sandbox.url) as codat:
        yield Portal(codat=codat)


def test_a_company_created_here_is_at_codat_under_its_placeholder(portal, sandbox):
    made = portal.post("/v1/companies", json={"reference": "L-1042", "tags": {"team": "uk"}})
    assert made.status_code == 201
    held = sandbox("GET", f"/companies/{made.json['id']}").json()
    assert (held["name"], held["tags"]) == ("Pending L-1042", {"team": "uk"})
    assert made.json["link_url"] == held["redirect"]


def test_a_platform_gives_the_link_of_its_own_connection(portal, sandbox):
    made = portal.post("/v1/companies", json={"name": "Acme", "platform_key": "gbol"})
    [connection] = sandbox("GET", f"/companies/{made.json['id']}/connections").json()["results"]
    assert connection["status"] == "PendingAuth"
    assert made.json["link_url"].startswith(sandbox.url)
    assert (
        made.json["link_url"] != sandbox("GET", f"/companies/{made.json['id']}").json()["redirect"]
    )


def test_an_unknown_platform_leaves_a_company_without_a_connection(portal):
    made = portal.post("/v1/companies", json={"name": "Acme", "platform_key": "zzzz"})
    assert made.status_code == 201
    assert made.json["connection_error"]
    assert made.json["link_url"]


def test_a_wrong_key_is_the_operators_to_mend(sandbox):
    with make_codat("wrong-key", sandbox.url) as codat:
        answer = Portal(codat=codat).post("/v1/companies", json={})
    assert (answer.status_code, kind(answer)) == (502, "codat-refused")
    assert "CODAT_API_KEY" in problem(answer)["detail"]
    assert "wrong-key" not in answer.text


def test_a_codat_that_is_not_there_is_a_problem_too():
    with make_codat("sandbox", "http://127.0.0.1:9") as codat:
        answer = Portal(codat=codat).post("/v1/companies", json={})
    assert kind(answer) == "codat-unavailable"


def test_the_client_is_made_from_the_settings_when_none_is_given(sandbox):
    portal = Portal(sandbox_port=int(sandbox.url.rpartition(":")[2]))
    portal.web = create_app(portal.settings, portal.store, portal.hints).test_client()
    assert portal.post("/v1/companies", json={}).status_code == 201
