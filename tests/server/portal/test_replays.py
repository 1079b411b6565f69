"""Messages and replays through the API."""

import pytest

from relay.inbox.replay_filter import MessageFilter
from relay.store import keys
from relay.times import iso_from_ms, now_ms
from support.parts import Bench, company_id, make_event
from support.portal_bench import Portal, kind
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


def test_a_search_that_looks_at_so_many_only_says_where_to_go_on(bench, portal, monkeypatch):
    monkeypatch.setattr("portal.api.messages.routes.SCAN_LIMIT", 1)
    seen, path = [], "/v1/messages?type=company.created"
    answer = portal.get(path).json
    assert (answer["messages"], answer["next"] is None) == ([], False)  # a connection came last
    while answer["next"]:
        answer = portal.get(f"{path}&before={answer['next']}").json
        seen += [one["company_id"] for one in answer["messages"]]
    assert sorted(seen) == [company_id(number) for number in range(3)]


def test_what_was_put_in_again_does_not_end_a_search_since_a_moment(bench, portal):
    """Copies come last in the lanes, but were received first."""
    while now_ms() == max(kept.message.received for kept in received(bench)):
        pass
    mark = now_ms()
    bench.deliver(make_event("company.created", company=7, at=20))
    bench.drain()
    begun = portal.post("/v1/replays", json={"until": iso_from_ms(mark)}).json
    while replay_some(bench.context, begun["id"], seconds=0):
        pass
    bench.drain()
    assert len(received(bench)) == 13
    found = portal.get(f"/v1/messages?since={iso_from_ms(mark)}").json["messages"]
    assert [one["company_id"] for one in found] == [company_id(7)]


def received(bench):
    return bench.store.messages.newest(MessageFilter(), None, 1000, 1000).messages


def test_only_so_many_messages_are_counted_before_a_replay_begins(bench, portal, monkeypatch):
    monkeypatch.setattr("relay.services.replay.COUNT_LIMIT", 4)
    shown = portal.post("/v1/replays", json={"preview": True}).json
    assert (shown["messages"], shown["at_least"]) == (4, True)
    exact = portal.post("/v1/replays", json={"preview": True, "type": ["company.*"]}).json
    assert (exact["messages"], exact["at_least"]) == (3, False)
    begun = portal.post("/v1/replays", json={}).json
    assert (begun["messages"], begun["at_least"]) == (4, True)
    while replay_some(bench.context, begun["id"], seconds=0):
        pass
    bench.drain()
    done = portal.get(f"/v1/replays/{begun['id']}").json
    assert (done["messages"], done["at_least"], done["state"]) == (6, False, "done")


def test_a_replay_begins_even_if_the_scan_limit_finds_few_messages(bench, portal, monkeypatch):
    monkeypatch.setattr("relay.services.replay.SCAN_LIMIT", 1)
    rare = {"type": ["connection.*"]}
    shown = portal.post("/v1/replays", json=rare | {"preview": True}).json
    assert (shown["messages"], shown["at_least"]) == (0, True)
    begun = portal.post("/v1/replays", json=rare)
    assert begun.status_code == 202
    while replay_some(bench.context, begun.json["id"], seconds=0):
        pass
    bench.drain()
    done = portal.get(begun.headers["Location"]).json
    assert (done["messages"], done["at_least"], done["state"]) == (3, False, "done")


def test_dead_letters_are_not_read_whole_for_each_message(bench, portal):
    """Only what came since, and the one that is asked for."""
    bench.deliver(b"{not json")
    bench.drain()
    [dead] = portal.get("/v1/messages?result=dead").json["messages"]
    asked = []
    client = bench.store.messages._letters._client

    class Counted:
        def xrange(self, *args, **more):
            found = client.xrange(*args, **more)
            asked.append(len(found))
            return found

    bench.store.messages._letters._client = Counted()
    assert portal.get(f"/v1/messages/{dead['id']}").json["result"] == "dead"
    assert asked == [0, 1]
    client.delete(keys.DEAD)
    assert portal.get(f"/v1/messages/{dead['id']}").json["result"] == "applied"
    assert portal.get("/v1/messages?result=dead").json["messages"] == []


def test_messages_replayed_by_id_are_not_called_missing(portal):
    [one] = portal.get(f"/v1/messages?company={company_id(2)}&limit=1").json["messages"]
    begun = portal.post("/v1/replays", json={"messages": [one["id"]]}).json
    assert begun["messages"] == 1
    assert kind(portal.post("/v1/replays", json={"messages": ["0:1-1"]})) == "not-found"
    assert kind(portal.post("/v1/replays", json={"messages": ["x"]})) == "invalid"
    assert kind(portal.post("/v1/replays/rep_x/abort")) == "not-found"
