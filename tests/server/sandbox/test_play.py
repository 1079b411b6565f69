"""The scenarios: told alike for one seed, and understood by a running relay."""

import time

import pytest
import requests

from sandbox import scenarios
from sandbox.config import SandboxConfig
from sandbox.scenarios import load, read
from sandbox.scenarios.play import AT_CODAT, comparable
from sandbox.server.server import start
from support.parts import SECRET
from support.relays import KEY, PATIENCE
from support.sandboxes import mailbox, running

SEED = 7
FAST = {"sync_seconds": 0.0, "time_scale": 10_000.0}


class Stranger:
    """Calls the controls of a sandbox that has another key than the tests' usual one."""

    def __init__(self, url):
        self.url, self.session = url, requests.Session()


def play(call, name, seed=SEED):
    answer = call.session.post(
        f"{call.url}/sandbox/play", json={"scenario": name, "seed": seed}, timeout=PATIENCE * 2
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def comparables(sandbox):
    return comparable(sandbox.journal.after(0, 1_000_000))


@pytest.mark.parametrize("name", scenarios.names())
def test_a_scenario_played_to_a_relay_ends_as_its_file_states(relay, name):
    played = play(Stranger(relay.sandbox.url), name)
    assert len(played["companies"]) == load(name).companies
    for company in played["companies"]:
        relay.until(
            lambda c=company: (
                (held := relay.store.companies.get(c["id"]))
                and held.status == c["status"]
                and set(played["events"]) <= set(relay.types(c["id"]))
            ),
            f"{company}: {relay.store.companies.get(company['id'])}",
        )
        assert not set(played["never"]) & set(relay.types(company["id"]))
    relay.until(
        lambda: set(played["told"]) <= {kind for kind, _ in relay.told()}, f"{played['told']}"
    )
    config = SandboxConfig(webhook_secret=SECRET, api_key=KEY, port=0, **FAST)
    with start(config) as again:
        again.deliver_to(relay.hooks)
        play(Stranger(again.url), name)
        # What the last step sends may still be under way in either.
        relay.until(lambda: comparables(again) == comparables(relay.sandbox), "the same journal")


@pytest.mark.parametrize("name", scenarios.names())
def test_one_seed_gives_one_story_and_another_seed_another(name):
    journals = []
    with mailbox() as box:
        for seed in (SEED, SEED, SEED + 1):
            with running(webhook_url=box.url, time_scale=FAST["time_scale"]) as (sandbox, call):
                play(call, name, seed)
                journals.append(comparables(sandbox))
    first, again, other = journals
    assert first == again
    assert any(b'"eventType"' in entry for entry in first)
    assert not set(first) & {entry for entry in other if b'"messageId"' in entry}


def test_a_play_ends_after_webhooks_about_no_company_are_taken():
    """Such as that the quota is reset, which the last step of this scenario sends."""
    with mailbox() as box, running(webhook_url=box.url) as (sandbox, call):
        take = box.take

        def slowly(headers, body):
            time.sleep(0.3 if b"rateLimit" in body else 0)
            return take(headers, body)

        box.take = slowly
        play(call, "quota-exhausted")
        taken = [e["eventType"] for e in sandbox.journal.after(0) if e["kind"] == "webhook"]
        assert taken[0] == "company.created"
        assert {"client.rateLimit.reached", "client.rateLimit.reset"} <= set(taken)


def test_a_story_is_played_once_on_one_sandbox():
    with running() as (_, call):
        play(call, "link")
        again = call.control("play", scenario="link", seed=SEED)
        assert again.status_code == 409
        assert call.control("play", scenario="link").status_code == 200


@pytest.mark.parametrize("wrong", [{"scenario": "none"}, {"scenario": "link", "seed": "x"}, {}])
def test_what_cannot_be_played_is_refused(wrong):
    with running() as (_, call):
        assert call.control("play", **wrong).status_code == 400


def test_the_scenarios_are_listed_with_what_they_are_about():
    with running() as (_, call):
        listed = call("GET", "/sandbox/scenarios").json()["scenarios"]
        assert [one["name"] for one in listed] == scenarios.names()
        assert all(one["title"] and one["about"] for one in listed)


def test_every_story_there_should_be_is_there():
    assert set(scenarios.names()) >= {
        "link", "reject", "deauthorise", "relink", "unlink", "delete", "slow-on-premise",
        "quota-exhausted", "missed-webhooks", "storm",
    }  # fmt: skip


def test_a_storm_ends_each_company_as_it_ends_at_codat():
    with mailbox() as box, running(webhook_url=box.url) as (_, call):
        played = play(call, "storm")
        assert load("storm").end.status == AT_CODAT
        assert {c["status"] for c in played["companies"]} == {
            "Linked", "Deauthorised", "Unlinked", "Deleted"
        }  # fmt: skip
        assert len(box.taken) > len({headers["webhook-id"] for headers, _ in box.taken})


@pytest.mark.parametrize("text", ["", "title='x'", "title='x'\nabout='y'\n[end]\nstatus='Linked'"])
def test_a_scenario_without_its_parts_is_refused(text):
    with pytest.raises((KeyError, ValueError)):
        read("odd", text)
