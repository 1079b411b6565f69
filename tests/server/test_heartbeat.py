"""A process gives signs of life, from the moment it reaches a store and as long as it does."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from relay.heartbeat import Heartbeat
from relay.store import keys
from relay.times import now_ms
from support.waiting import wait_until


@pytest.fixture
def begin():
    begun = []

    def start(open_store: Callable[[], Any]) -> None:
        begun.append(Heartbeat("web", open_store, every=0.01))
        begun[-1].start()

    yield start
    for heartbeat in begun:
        heartbeat.stop()


def test_it_beats_again_and_again(store, begin):
    begin(lambda: store)
    wait_until(store.heartbeats, "a heartbeat")
    first = store.heartbeats()["web"]
    wait_until(lambda: store.heartbeats()["web"] > first, "another")


def test_it_begins_when_the_store_can_be_opened(store, begin):
    faults = [RedisAway("refused"), RedisAway("refused")]

    def open_late():
        if faults:
            raise faults.pop()
        return store

    begin(open_late)
    wait_until(store.heartbeats, "a heartbeat")


def test_it_goes_on_after_the_store_was_away(store, begin, monkeypatch):
    beat, away = store.beat, [1, 2]

    def fails(process):
        if away:
            away.pop()
            raise RedisAway("gone")
        beat(process)

    monkeypatch.setattr(store, "beat", fails)
    begin(lambda: store)
    wait_until(store.heartbeats, "a heartbeat")


def test_a_silence_is_noted_once_it_ends_even_if_sent_twice(store):
    store.client.hset(keys.HEARTBEATS, "web", now_ms() - 61_000)
    for _ in range(2):
        store.beat("web")
    since, to = store.silences()["web"]
    assert 61_000 <= to - since < 70_000
    assert store.heartbeats()["web"] >= to
