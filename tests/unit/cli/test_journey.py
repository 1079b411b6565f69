"""Journeys by command line, against a served portal: invite, reconnect, look, accept, end."""

import json
from dataclasses import replace

import pytest

from codat import errors
from relay.companies.identity import BOOKS
from relay.journeys.journey import Consent, Step
from relay.journeys.rules import Change
from relay.times import now_micros
from support.commands import commands
from support.journeys import AtCodat
from support.parts import company_id, connection_id
from support.portal_bench import BEFORE, FLAG, NOW, Portal, kind, make_company


@pytest.fixture
def portal():
    portal = Portal(codat=AtCodat())
    portal.hold(make_company(2, "Deauthorized", info=BEFORE))
    return portal


@pytest.fixture
def run(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with commands(portal) as command:

        def invoke(*words):
            result = command("journey", *words)
            assert result.exit_code == 0, result.output
            return result.stdout

        yield invoke


def test_a_link_works_until_it_is_renewed_or_revoked(run, portal):
    made = json.loads(run("new", "--reference", "LOAN-7", "--type", "Banking", "--json"))
    link = "/link/" + made["link"].rpartition("/")[2]
    assert "TrueLayer" in portal.web.get(link).text
    said = run("renew", made["id"])
    assert portal.web.get(link).status_code == 404
    again = "/link/" + said.split()[-1].rpartition("/")[2]
    assert portal.web.get(again).status_code == 200
    run("revoke", made["id"])
    assert portal.web.get(again).status_code == 404
    assert run("list").splitlines()[1].split("\t")[2:4] == ["LOAN-7", "revoked"]
    assert "revoked" in run("show", made["id"])
    assert "started 1" in run("funnel") or "opened 1" in run("funnel")


def test_a_list_longer_than_a_page_is_walked_to_its_end(run, monkeypatch):
    monkeypatch.setattr("cli.commands.journey.list.PAGE", 2)
    for _ in range(5):
        run("new", "--reference", "L")
    assert len(run("list").splitlines()) == 6
    assert len(run("list", "--limit", "3").splitlines()) == 4
    assert len(run("list", "--company", company_id(2)).splitlines()) == 1


def stopped(portal, made, before, now):
    """Let a company's reconnect have come to another's books."""
    here = now_micros()

    def sent(held):
        consent = Consent(1, "v", "en", "gbol", (), "daily", ())
        return Change(
            replace(
                held,
                step=Step.AUTHORISING,
                consents=(consent,),
                connection_id=connection_id(2),
                sent=here // 1000,
            )
        )

    portal.store.journeys.change(made["id"], sent)
    other = make_company(2, info=now, info_version=(here, "i"), expected=before)
    linked = {key: replace(one, version=(here, "e")) for key, one in other.connections.items()}
    portal.hold(replace(other, connections=linked, identity_mismatch=FLAG))


def test_a_mismatch_is_shown_with_both_companies_and_accepted(run, portal):
    made = json.loads(run("reconnect", company_id(2), "--json"))
    assert made["reconnects"] == connection_id(2)
    stopped(portal, made, BEFORE, NOW)
    shown = run("show", made["id"])
    assert "Acme" in shown
    assert "Other" in shown
    assert "journey accept" in shown
    asked = f"/v1/journeys/{made['id']}/accept"
    assert kind(portal.post(f"{asked}?identity_mark=older")) == "conflict"
    undoing(portal, made, True)
    assert kind(portal.post(asked)) == "conflict"
    undoing(portal, made, False)
    mark = portal.get(f"/v1/journeys/{made['id']}").json["identity_mark"]
    assert portal.post(f"{asked}?identity_mark={mark}").status_code == 200
    assert "Other is the right company" in run("accept", made["id"])
    assert [m[b"type"] for m in portal.messages(2)][-1] == b"journey.mismatch_accepted"


def test_a_mismatch_by_books_alone_is_shown_as_such(run, portal):
    made = json.loads(run("reconnect", company_id(2), "--json"))
    stopped(portal, made, before={**BEFORE, BOOKS: "one"}, now={**BEFORE, BOOKS: "two"})
    page = portal.web.get("/link/" + made["link"].rpartition("/")[2]).text
    assert "This is another company" in page
    assert "in other books than before" in page
    shown = portal.get(f"/v1/journeys/{made['id']}").json
    assert (shown["expected"]["books"], shown["found"]["books"]) == ("one", "two")
    table = run("show", made["id"])
    assert "one" in table
    assert "two" in table


def test_only_who_is_another_company_is_accepted(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with commands(portal) as command:
        result = command("companies", "accept", company_id(2))
        assert result.exit_code == 1
        assert "there is nothing to accept" in result.output
        portal.hold(make_company(2, info=NOW, expected=BEFORE, identity_mismatch=FLAG))
        result = command("companies", "accept", company_id(2))
        assert (result.exit_code, "Accepted" in result.output) == (0, True)
    told = [m[b"type"] for m in portal.messages(2)]
    assert told.count(b"relay.identity_accepted") == 1


def undoing(portal, made, now):
    portal.store.journeys.change(made["id"], lambda held: Change(replace(held, is_unlinking=now)))


def test_an_unanswered_command_names_its_key(run, portal):
    made = [json.loads(run("new", "--reference", "L", "--key", "k-1", "--json")) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0] != json.loads(run("new", "--reference", "L", "--json"))


def test_what_is_not_answered_says_how_to_run_it_again(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    portal.codat.failing = errors.Unreachable("no answer in time")
    with commands(portal) as command:
        failed = command("journey", "new", "--reference", "L")
        assert failed.exit_code == 3
        key = failed.output.split("--key ")[1].split("`")[0]
        portal.codat.failing = None
        wrong = command("journey", "new", "--platform", "zz", "--key", key)
        assert (wrong.exit_code, "--key" in wrong.output) == (2, False)  # never to succeed
        portal.codat.failing = errors.Unreachable("no answer in time")
        portal.hold(make_company(8))
        linked = ("journey", "reconnect", company_id(8), "--connection", connection_id(8))
        refused = command(*linked)  # what is linked is not linked again, however often it is asked
        assert (refused.exit_code, "--key" in refused.output) == (1, False)
        portal.codat.failing = None
        portal.codat.list_companies = lambda **given: iter(())
        assert command("journey", "new", "--reference", "L", "--key", key).exit_code == 0
