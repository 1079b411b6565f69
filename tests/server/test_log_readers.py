"""Readers that get nothing more are noticed: by status, metrics and doctor, whatever the reason."""

import pytest
from structlog.testing import capture_logs

from cli import checkup
from codat.signature import new_secret
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import DAY_MS, Secret, Subscription
from relay.store import keys
from relay.store.log.readers import LATE_MS, readers
from relay.times import now_ms
from support.parts import Bench
from support.portal_bench import Portal
from support.subscribers import LOOPBACK, answer, subscriber
from workers.delivery import Deliverer

WAIT = 30.0  # seconds; only a failing test waits so long


@pytest.fixture
def portal(store) -> Portal:
    return Portal(store=store)


def subscribe(store, url="http://127.0.0.1:9/", number=1, cursor=0, state="active"):
    made = Subscription(f"sub_{number}", url, (Secret(new_secret()),), now_ms())
    assert store.subscriptions.put(made, over=None, cursor=cursor, state=state)[0]


def at(store, later=0):
    """How the readers stand, by a clock that is so many ms further."""
    found = readers(store.client, store.events, store.subscriptions, store.now_ms() + later)
    return {one.id: one for one in found}


def long_ago(store, ms=2 * LATE_MS):
    """Move what the log and the subscriptions note of times into the past."""
    for name, score in store.client.zrange(keys.TIME_INDEX, 0, -1, withscores=True):
        store.client.zadd(keys.TIME_INDEX, {name: score - ms})
    for held in store.subscriptions.all():
        if held.moved is not None:
            key = keys.SUBSCRIPTION + held.subscription.id
            store.client.hset(key, "moved", held.moved - ms)


def doctor(store, server, make_settings):
    settings = make_settings(redis_url=server.url)
    return {one.check: one for one in checkup.check_readers(settings)}


def test_whoever_has_all_of_the_log_is_never_late(store, portal):
    portal.log(("a.b", 1), ("a.b", 2))
    subscribe(store, cursor=2)
    [one] = at(store, later=DAY_MS).values()
    assert (one.behind, one.late, one.stuck) == (0, 0, False)


def test_one_that_does_not_move_while_the_log_grows_is_stuck(store, server, portal, make_settings):
    portal.log(("a.b", 1), ("a.b", 2))
    subscribe(store)
    subscribe(store, number=2, cursor=2)
    subscribe(store, number=3, state="paused")
    [one, two, three] = at(store).values()
    assert (one.behind, one.stuck) == (2, False)
    long_ago(store)
    [one, two, three] = at(store).values()
    assert (one.stuck, two.stuck, three.stuck) == (True, False, False)
    assert one.late >= LATE_MS
    status = portal.get("/v1/status").json["readers"]
    assert status == {
        "active": 2, "paused": 1, "failing": 0, "behind": 2, "stuck": ["sub_1"], "damaged": [],
    }  # fmt: skip
    assert "relay_subscriptions_stuck 1.0" in portal.get("/metrics").text
    found = doctor(store, server, make_settings)
    assert found["subscription sub_1"].verdict == "wrong"
    assert "2 events behind" in found["subscription sub_1"].detail
    assert "subscription sub_2" not in found
    assert found["subscription sub_3"].verdict == "unsure"


def test_one_that_is_behind_and_moves_is_not_stuck(store, portal):
    portal.log(*(("a.b", 1),) * 5)
    subscribe(store)
    long_ago(store)
    [claim] = store.subscriptions.claim(lease_ms=60_000, limit=1, hindered=1)
    store.subscriptions.record(claim, "go on", wait=60_000, cursor=2)
    [one] = at(store).values()
    assert (one.behind, one.late >= LATE_MS, one.stuck) == (3, True, False)
    [one] = at(store, later=2 * LATE_MS).values()
    assert one.stuck


def test_lateness_counts_from_the_first_event_a_reader_lacks(store, portal):
    portal.log(("a.b", 1))
    long_ago(store, 3_600_000)
    store.client.hset(keys.META, "marked", 0)
    portal.log(("a.b", 1))
    subscribe(store, cursor=1)
    [one] = at(store).values()
    assert one.late < LATE_MS
    subscribe(store, number=2, cursor=0)
    assert at(store)["sub_2"].late >= 3_600_000 - LATE_MS


def test_a_subscription_of_before_says_nothing_of_when_it_moved(store, portal):
    portal.log(("a.b", 1))
    subscribe(store)
    store.client.hdel(keys.SUBSCRIPTION + "sub_1", "moved")
    assert not at(store)["sub_1"].stuck
    assert at(store, later=2 * LATE_MS)["sub_1"].stuck


def test_a_fault_of_ours_is_a_failure_that_is_logged_and_retried(
    store, server, portal, make_settings, monkeypatch
):
    portal.log(("a.b", 1))
    bench = Bench(store, make_settings())
    deliverer = Deliverer(bench.context, lambda url: WebhookSender(url, LOOPBACK, seconds=5.0))
    subscribe(store)

    def broken(*_, **__):
        raise OverflowError("nobody thought of this")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(type(store.events), "read", broken)
        deliverer.wake()
        assert deliverer.wait(WAIT)
    assert "delivery.failed" in {line["event"] for line in logs}
    held = store.subscriptions.get("sub_1")
    assert (held.active, held.cursor, held.failures) == (True, 0, 1)
    assert held.failing_since is not None
    assert held.due > now_ms()
    [attempt] = store.subscriptions.attempts("sub_1", 10)
    assert "OverflowError" in attempt.error
    assert portal.get("/v1/status").json["readers"]["failing"] == 1
    assert "OverflowError" in doctor(store, server, make_settings)["subscription sub_1"].detail
    with subscriber() as one:
        held_now = store.subscriptions.get("sub_1").subscription
        changed = Subscription("sub_1", one.url, held_now.secrets, held_now.created)
        assert store.subscriptions.put(changed, over=held_now)[0]
        deliverer.wake()
        assert deliverer.wait(WAIT)
        assert one.ids() == [1]
    assert store.subscriptions.get("sub_1").failures == 0


def test_a_subscriber_that_takes_nothing_is_named_with_its_reason(
    store, server, portal, make_settings
):
    portal.log(("a.b", 1))
    bench = Bench(store, make_settings())
    with subscriber(answer(500)) as one:
        subscribe(store, one.url)
        deliverer = Deliverer(bench.context, lambda url: WebhookSender(url, LOOPBACK, seconds=5.0))
        deliverer.wake()
        assert deliverer.wait(WAIT)
    found = doctor(store, server, make_settings)["subscription sub_1"]
    assert (found.verdict, "it answered 500" in found.detail) == ("unsure", True)
    long_ago(store)
    found = doctor(store, server, make_settings)["subscription sub_1"]
    assert (found.verdict, "it answered 500" in found.detail) == ("wrong", True)
