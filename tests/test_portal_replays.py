"""Messages and replays through the API."""

import pytest

from parts import Bench, company_id, make_event
from portal_bench import Portal, kind
from workers.replay import replay_some


@pytest.fixture
def portal(bench: Bench) -> Portal:
    made = Portal(store=bench.store, relay_redact_fields="linkUrl")
    for number in range(3):
        bench.deliver(make_event("company.created", company=number, at=number))
        bench.deliver(
            make_event(
                "connection.created", company=number, connection=(number, "PendingAuth"), at=10
            )
        )
    bench.drain()
    return made


def test_messages_are_listed_with_their_bodies_redacted(portal):
    listed = portal.get("/v1/messages?limit=4").json
    assert len(listed["messages"]) == 4
    rest = portal.get(f"/v1/messages?limit=4&before={listed['next']}").json
    assert (len(rest["messages"]), rest["next"]) == (2, None)
    query = f"company={company_id(1)}&type=connection.*&result=applied"
    [one] = portal.get(f"/v1/messages?{query}").json["messages"]
    assert one["body"]["payload"]["connection"]["linkUrl"] == "[redacted]"
    assert one["body"]["payload"]["referenceCompany"]["name"] == "Company 1"
    assert portal.get(f"/v1/messages/{one['id']}").json == one
    assert kind(portal.get("/v1/messages/0:1-1")) == "not-found"
    assert kind(portal.get("/v1/messages?before=x")) == "invalid"
    assert portal.get("/v1/messages?since=2100-01-01T00:00:00Z").json["messages"] == []


def test_a_preview_counts_and_leaves_everything_as_it_is(portal):
    shown = portal.post("/v1/replays", json={"preview": True, "type": ["company.*"]}).json
    assert (shown["messages"], shown["companies"]) == (3, 3)
    assert shown["by_type"] == {"company.created": 3}
    assert portal.get("/v1/replays").json == {"replays": []}


def test_a_replay_runs_shows_its_progress_and_says_already_applied(portal, bench):
    answer = portal.post("/v1/replays", json={})
    assert answer.status_code == 202
    begun = answer.json
    assert portal.hints.replayed == [begun["id"]]
    assert portal.post(f"/v1/replays/{begun['id']}/abort").json["state"] == "aborted"
    assert portal.post(f"/v1/replays/{begun['id']}/continue").json["state"] == "running"
    while replay_some(bench.context, begun["id"], seconds=0):
        pass
    assert portal.get(f"/v1/replays/{begun['id']}").json["state"] == "running"
    bench.drain()
    done = portal.get(answer.headers["Location"]).json
    assert (done["state"], done["handled"], done["already_applied"]) == ("done", 6, 6)
    assert (done["events_added"], done["by"]) == (0, "olga")
    assert kind(portal.post(f"/v1/replays/{begun['id']}/abort")) == "conflict"


def test_single_messages_are_replayed_by_id_and_nothing_is_said_to_be_missing(portal):
    [one] = portal.get(f"/v1/messages?company={company_id(2)}&limit=1").json["messages"]
    begun = portal.post("/v1/replays", json={"messages": [one["id"]]}).json
    assert begun["messages"] == 1
    assert kind(portal.post("/v1/replays", json={"messages": ["0:1-1"]})) == "not-found"
    assert kind(portal.post("/v1/replays", json={"messages": ["x"]})) == "invalid"
    assert kind(portal.post("/v1/replays/rep_x/abort")) == "not-found"
