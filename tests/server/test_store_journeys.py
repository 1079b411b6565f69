"""A journey and what is told of it are written together, once, whoever writes at the same time."""

import threading
from contextlib import suppress

import pytest

from relay.journeys import rules
from relay.journeys.journey import Journey
from relay.store import keys
from relay.store.journeys.records import Contended, hash_of

NEW = Journey("0123456789abcdef012345", "c-1", 1000, 9000, "olga", token_hash=hash_of("t-1"))


def told(store):
    lane = store.inbox.lane_of("c-1")
    return [f[b"type"].decode() for _, f in store.client.xrange(keys.LANE + str(lane))]


def start(store):
    return store.journeys.start(rules.start(NEW))


def test_a_call_sent_twice_is_written_and_logged_once(store, monkeypatch):
    """redis-py sends a script again when its answer is lost."""
    journey = store.journeys
    once = journey._scripts.put_journey

    def twice(names, arguments, **more):
        once(names, arguments, **more)
        return once(names, arguments, **more)

    monkeypatch.setattr(journey._scripts, "put_journey", twice)
    assert start(store).lane is not None
    journey.change(NEW.id, lambda held: rules.open_link(held, 2000))
    assert told(store) == ["journey.started", "journey.opened"]


def test_changes_at_the_same_time_are_all_kept_in_one_order(store):
    start(store)
    errors = []

    def look_for(number):
        def rule(held):
            return rules.note_not_listed(held, f"s{number}", 2000)

        done = None
        try:
            while done is None:  # others may be quicker more often than one call tries
                with suppress(Contended):
                    done = store.journeys.change(NEW.id, rule)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=look_for, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    history = store.journeys.get(NEW.id).history
    assert sorted(one.detail for one in history[1:]) == [f"s{n}" for n in range(8)]
    assert told(store).count("journey.platform_not_listed") == 8


def test_a_link_works_until_it_is_replaced_or_revoked(store):
    start(store)
    assert store.journeys.by_token("t-1").id == NEW.id
    store.journeys.change(NEW.id, lambda held: rules.renew_link(held, hash_of("t-2"), 9000, 2000))
    assert store.journeys.by_token("t-1") is None
    assert store.journeys.by_token("t-2").id == NEW.id
    store.journeys.change(NEW.id, lambda held: rules.revoke(held, "olga", 3000))
    assert store.journeys.by_token("t-2") is None
    assert store.client.hlen(keys.JOURNEY_TOKENS) == 0


def test_what_is_over_is_named_until_it_has_ended(store):
    start(store)
    assert store.journeys.over(8999) == []
    assert store.journeys.over(9000) == [NEW.id]
    store.journeys.change(NEW.id, lambda held: rules.expire(held, 9000))
    assert store.journeys.over(9000) == []


@pytest.mark.usefixtures("has_waitaof")
def test_a_server_that_must_be_waited_for_has_each_step_on_disk(store, monkeypatch):
    from relay.store.server.checks import Server

    monkeypatch.setattr(store.journeys._guard, "server", Server("valkey 9", True, 0))
    assert start(store).journey.id == NEW.id
    assert told(store) == ["journey.started"]


def test_one_at_a_time_connects_a_company(store):
    inside, most = [], []

    def connect():
        with store.journeys.turn("c-1", 10_000):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(store, monkeypatch):
    monkeypatch.setattr("relay.store.journeys.records.TURN_WAIT", 0.01)
    with (
        store.journeys.turn("c-1", 10_000),
        pytest.raises(Contended),
        store.journeys.turn("c-1", 10_000),
    ):
        pass
    with store.journeys.turn("c-1", 10_000), store.journeys.turn("c-2", 10_000):
        pass


def test_a_lease_sent_twice_is_one_and_passes_on_when_released(store):
    lease, key = store.journeys._scripts.lease, [keys.CONNECTING + "c-1"]
    assert [lease(key, ["a", 9000]), lease(key, ["a", 9000]), lease(key, ["b", 9000])] == [1, 1, 0]
    assert [lease(key, ["b", 0]), lease(key, ["a", 0]), lease(key, ["b", 9000])] == [0, 1, 1]
    assert lease(key, ["a", 0]) == 0  # the first one's second sending
    assert store.client.get(key[0]) == b"b"
