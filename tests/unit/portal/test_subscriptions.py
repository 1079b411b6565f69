"""Subscriptions through the API: made, listed, changed, paused, tested, rotated, removed."""

import pytest

from codat import signature
from support.portal_bench import VIEWER, Portal, kind, problem, trim
from support.subscribers import answer, subscriber

URL = "https://hooks.example.com/in"


@pytest.fixture
def portal() -> Portal:
    return Portal(relay_private_networks="127.0.0.0/8")


def make(portal, **body):
    answer = portal.post("/v1/subscriptions", json={"url": URL, **body})
    assert answer.status_code == 201, answer.json
    return answer.json


def patch(portal, made, **body):
    return portal.ask("PATCH", f"/v1/subscriptions/{made['id']}", json=body)


def act(portal, made, what, **options):
    return portal.post(f"/v1/subscriptions/{made['id']}/{what}", **options)


def test_a_new_one_starts_at_the_logs_end_and_shows_its_secret_once(portal):
    portal.log(("a.b", 1), ("a.b", 1))
    made = make(portal, types=["sync.*"], description="ours")
    assert made["secret"].startswith("whsec_")
    assert (made["cursor"], made["state"], made["behind"]) == ("2", "active", 0)
    [listed] = portal.get("/v1/subscriptions", token=VIEWER).json["subscriptions"]
    assert listed == {k: v for k, v in made.items() if k != "secret"}
    assert portal.get(f"/v1/subscriptions/{made['id']}").json == listed
    assert portal.hints.delivered == 1


def test_one_can_begin_anywhere_in_the_log(portal):
    portal.log(("a.b", 1), ("a.b", 1))
    assert make(portal, after=0)["behind"] == 2
    assert kind(portal.post("/v1/subscriptions", json={"url": URL, "after": 3})) == "conflict"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"url": "x"}, {"url": "https://10.0.0.1/"}, {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": URL, "types": ["thing.told"]}, {"url": URL, "types": ["thing.*"]},
        {"url": URL, "batch": 0}, {"url": URL, "batch": 501}, {"url": URL, "secret": "mine"},
        {"url": "https://u:p@x.test/"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(portal, body):
    answer = portal.post("/v1/subscriptions", json=body)
    assert kind(answer) == "invalid"
    assert problem(answer)["errors"]


def test_a_change_keeps_what_is_left_out(portal):
    portal.log(("a.b", 1))
    made = make(portal, types=["sync.*"])
    changed = patch(portal, made, description="new", after=0).json
    assert (changed["types"], changed["description"], changed["cursor"]) == (["sync.*"], "new", "0")
    assert patch(portal, made, types=[]).json["types"] == []
    assert kind(patch(portal, made)) == "invalid"
    assert kind(patch(portal, made, url="https://127.0.0.1.nip.io:22\r\n")) == "invalid"


def test_pausing_and_resuming_are_logged(portal):
    made = make(portal)
    assert act(portal, made, "pause").json["reason"] == "olga paused it"
    assert act(portal, made, "pause").json["state"] == "paused"
    assert act(portal, made, "resume").json["state"] == "active"
    lane = portal.store.client.xrange("{relay}:lane:0")
    types = [fields[b"type"] for _, fields in lane]
    assert types == [b"relay.subscription_paused", b"relay.subscription_resumed"]
    assert portal.hints.drained == [0]


def test_one_whose_events_are_gone_resumes_only_after_a_cursor_move(portal):
    portal.log(*(("a.b", 1),) * 5)
    made = make(portal, after=0)
    act(portal, made, "pause")
    trim(portal.store, 3)
    answer = act(portal, made, "resume")
    assert kind(answer) == "conflict"
    assert "3" in problem(answer)["detail"]
    assert kind(patch(portal, made, after=1)) == "conflict"
    patch(portal, made, after=3)
    assert act(portal, made, "resume").json["behind"] == 2


def test_a_test_is_posted_signed_and_its_answer_shown(portal):
    with subscriber() as one, subscriber(answer(500)) as two:
        made = make(portal, url=one.url)
        tested = act(portal, made, "test").json
        assert (tested["taken"], tested["status"], tested["body"]) == (True, 200, "ok")
        headers, body = one.taken[0]
        epoch = portal.store.events.head().epoch
        assert signature.verify([made["secret"]], headers, body) == f"{made['id']}.{epoch}.0"
        assert act(portal, make(portal, url=two.url), "test").json["status"] == 500
    assert act(portal, made, "test").json["error"] == "the connection was refused"


def test_a_new_secret_signs_beside_the_former_one_for_a_while(portal):
    with subscriber() as one:
        made = make(portal, url=one.url)
        new = act(portal, made, "secret", json={"overlap_hours": 1}).json
        act(portal, made, "test")
        for secret in (made["secret"], new["secret"]):
            signature.verify([secret], *one.taken[-1])
        shown = portal.get(f"/v1/subscriptions/{made['id']}").json
        assert shown["secrets_end"] == [new["former_until"]]
        act(portal, made, "secret", json={"overlap_hours": 0})
        act(portal, made, "test")
        with pytest.raises(signature.Refused):
            signature.verify([made["secret"]], *one.taken[-1])
        assert act(portal, made, "secret").status_code == 200


def test_removing_one_leaves_nothing_of_it(portal):
    made = make(portal)
    assert portal.delete(f"/v1/subscriptions/{made['id']}").status_code == 204
    assert portal.get("/v1/subscriptions").json == {"subscriptions": []}
    for path in ("", "/attempts"):
        assert kind(portal.get(f"/v1/subscriptions/{made['id']}{path}")) == "not-found"
    assert not portal.store.client.keys("*ubscription*")


def test_no_secret_is_ever_shown_again(portal):
    made = make(portal)
    for path in ("", "/attempts"):
        assert "whsec" not in portal.get(f"/v1/subscriptions/{made['id']}{path}").text
    assert "whsec" not in patch(portal, made, description="x").text
