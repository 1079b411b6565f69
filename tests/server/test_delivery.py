"""Delivery of the log to subscribers on a real server: in order, whole, none in another's way."""

import threading
from contextlib import ExitStack
from dataclasses import replace

import orjson
import pytest

from codat.signature import new_secret
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import DAY_MS, Secret, Subscription
from relay.store import keys
from relay.store.delivery.subscriptions import SubscriptionState
from relay.times import now_ms
from support import subscribers
from support.log import read_log
from support.parts import SECRET, Bench, company_id, make_event
from support.portal_bench import Portal, trim
from support.subscribers import LOOPBACK, Subscriber, answer, good, in_turn, subscriber
from workers.delivery import AT_ONCE, Deliverer
from workers.inbox.drain import drain_lanes

WAIT = 30.0  # seconds; only a failing test waits so long


@pytest.fixture
def portal(store) -> Portal:
    return Portal(store=store)


@pytest.fixture
def deliverer(store, make_settings) -> Deliverer:
    bench = Bench(store, make_settings(codat_webhook_secrets=SECRET))
    return Deliverer(bench.context, lambda url: WebhookSender(url, LOOPBACK, seconds=1.0))


def subscribe(store, to: Subscriber | str, number: int = 1, **more) -> Subscription:
    url = to if isinstance(to, str) else to.url
    made = Subscription(f"sub_{number}", url, (Secret(new_secret()),), now_ms(), **more)
    assert store.subscriptions.put(made, over=None, cursor=0, state="active")[0]
    return made


def held(store, number: int = 1) -> SubscriptionState:
    found = store.subscriptions.get(f"sub_{number}")
    assert found is not None
    return found


def due_now(store, number: int = 1) -> None:
    store.client.zadd(keys.DELIVERIES, {f"sub_{number}": 0})


def deliver(deliverer: Deliverer) -> None:
    deliverer.wake()
    assert deliverer.wait(WAIT)


@pytest.mark.parametrize("batch", [1, 4])
def test_every_event_is_delivered_once_in_order_and_signed(store, portal, deliverer, batch):
    portal.log(*(("a.b", n) for n in range(10)))
    with subscriber() as one:
        made = subscribe(store, one, batch=batch)
        deliver(deliverer)
        assert one.ids(made.secrets[0].value) == list(range(1, 11))
        assert len(one.taken) == (10 if batch == 1 else 3)
        portal.log(("c.d", 1))
        deliver(deliverer)
        assert one.ids()[-1] == 11
    assert one.events() == [e.cloud_event for e in read_log(store, 0)]
    assert (held(store).cursor, held(store).failures) == (11, 0)
    attempts = store.subscriptions.attempts("sub_1", 100)
    assert attempts[0].last == "11"
    assert all(a.taken and a.status == 200 and a.body == "ok" for a in attempts)


def test_a_filter_leaves_out_the_rest_and_the_cursor_passes_it(store, portal, deliverer):
    portal.log(("sync.failed", 1), ("a.b", 1), ("sync.completed", 2), ("a.b", 1))
    with subscriber() as one, subscriber() as two:
        subscribe(store, one, 1, types=("sync.*",))
        subscribe(store, two, 2, companies=(company_id(2),))
        deliver(deliverer)
        assert (one.ids(), two.ids()) == ([1, 3], [3])
    assert held(store, 1).cursor == held(store, 2).cursor == 4


def test_a_refused_delivery_is_retried_unchanged_before_newer_ones(store, portal, deliverer):
    portal.log(*(("a.b", 1),) * 3)
    with subscriber(in_turn(answer(500), good)) as one:
        subscribe(store, one, batch=10)
        deliver(deliverer)
        first = held(store)
        assert (first.cursor, first.failures, first.window) == (0, 1, 3)
        assert first.failing_since is not None
        portal.log(("c.d", 1))
        deliver(deliverer)  # not due yet
        assert len(one.taken) == 1
        due_now(store)
        deliver(deliverer)
    ids = [headers["webhook-id"] for headers, _ in one.taken]
    epoch = store.events.head().epoch
    assert ids == [f"sub_1.{epoch}.{numbers}" for numbers in ("1-3", "1-3", "4-4")]
    assert (held(store).cursor, held(store).failures, held(store).failing_since) == (4, 0, None)
    failed = store.subscriptions.attempts("sub_1", 10)[-1]
    assert (failed.status, failed.taken) == (500, False)
    assert abs(failed.next_at - first.due) < 60_000


def test_the_wait_that_a_subscriber_asks_for_is_kept(store, portal, deliverer):
    portal.log(("a.b", 1))
    with subscriber(answer(429, "Retry-After: 3600")) as one:
        subscribe(store, one)
        deliver(deliverer)
    assert held(store).due - now_ms() > 3_500_000


def test_a_410_pauses_it_at_once_and_the_log_says_so(store, portal, deliverer):
    portal.log(("a.b", 1))
    with subscriber(answer(410)) as one:
        subscribe(store, one)
        deliver(deliverer)
    assert (held(store).state, held(store).reason) == ("paused", "it answered 410 (gone)")
    assert deliverer._context.hints.drained == [0]
    drain_lanes(deliverer._context)
    told = read_log(store, 1)[0]
    assert (told.type, told.data["subscription_id"], told.data["cursor"]) == (
        "subscription.paused", "sub_1", "0",
    )  # fmt: skip


def test_days_of_failure_pause_it_and_resuming_loses_nothing(store, portal, deliverer):
    portal.log(*(("a.b", 1),) * 2)
    with subscriber(in_turn(answer(500), answer(500), good)) as one:
        made = subscribe(store, one)
        deliver(deliverer)
        key = keys.SUBSCRIPTION + made.id
        store.client.hset(key, "failing_since", now_ms() - 5 * DAY_MS - 1000)
        due_now(store)
        deliver(deliverer)
        assert held(store).reason == "nothing was taken for 5 days"
        portal.log(("c.d", 1))
        deliver(deliverer)
        assert len(one.taken) == 2
        store.subscriptions.put(made, over=made, state="active")
        deliver(deliverer)
    assert one.ids() == [1, 1, 1, 2, 3]


def test_a_subscription_behind_the_logs_start_is_paused_with_a_reason(store, portal, deliverer):
    portal.log(*(("a.b", 1),) * 5)
    trim(store, 3)
    with subscriber() as one:
        subscribe(store, one)
        deliver(deliverer)
    assert one.taken == []
    assert "no longer kept" in held(store).reason


def test_bad_subscribers_do_not_hold_up_good_ones(store, portal, deliverer):
    """More that hang than there are threads for failing ones, and every other fault besides."""
    portal.log(*(("a.b", n) for n in range(20)))
    with ExitStack() as stack:
        bad = [subscribers.hangs] * 40 + [
            subscribers.drips, answer(500), answer(302, "Location: http://127.0.0.1:9/"),
            subscribers.answers(b""), subscribers.pours,
        ]  # fmt: skip
        for number, behave in enumerate(bad):
            subscribe(store, stack.enter_context(subscriber(behave)), number)
        deliver(deliverer)  # each bad one fails once
        assert sum(held(store, n).failures > 0 for n in range(len(bad))) == len(bad) - 1
        for number in range(len(bad)):
            due_now(store, number)
        good_ones = [stack.enter_context(subscriber()) for _ in range(10)]
        for number, one in enumerate(good_ones, 100):
            subscribe(store, one, number, batch=20)
        deliverer.wake()
        for one in good_ones:
            one.wait(lambda one=one: bool(one.taken))
            assert one.ids() == list(range(1, 21))
        assert deliverer.wait(WAIT)


def test_more_slow_subscribers_than_threads_do_not_hold_up_others(
    store, portal, deliverer, monkeypatch
):
    """They take all there is, slowly: none fails, and none is ever done."""
    monkeypatch.setattr("workers.delivery.TURN", 0.2)
    monkeypatch.setattr("workers.delivery.SLOW_MS", 50)
    portal.log(*(("a.b", n) for n in range(400)))

    def slow(connection, body):
        threading.Event().wait(0.3)
        return good(connection, body)

    with ExitStack() as stack:
        for number in range(AT_ONCE):
            subscribe(store, stack.enter_context(subscriber(slow)), number)
        deliverer.wake()
        one = stack.enter_context(subscriber())
        subscribe(store, one, 999, batch=500)
        one.wait(lambda: bool(one.taken))
        assert one.ids() == list(range(1, 401))
        behind = [held(store, number).cursor for number in range(AT_ONCE)]
        assert max(behind) < 400
        deliverer.stop(WAIT)


def test_a_worker_that_is_stopped_gives_back_what_it_was_delivering(store, portal, deliverer):
    portal.log(*(("a.b", n) for n in range(3)))
    asked = threading.Event()

    def holds(connection, body):
        asked.set()
        return subscribers.hangs(connection, body)

    with subscriber(in_turn(holds, good)) as one:
        subscribe(store, one, batch=2)
        deliverer.wake()
        assert asked.wait(WAIT)
        deliverer.stop(0)
        portal.log(("a.b", 4))
        next_one = Deliverer(deliverer._context, lambda url: WebhookSender(url, LOOPBACK))
        deliver(next_one)
        assert deliverer.wait(WAIT)
    ids = [headers["webhook-id"] for headers, _ in one.taken]
    epoch = store.events.head().epoch
    assert ids == [f"sub_1.{epoch}.{numbers}" for numbers in ("1-2", "1-2", "3-4")]
    assert (held(store).cursor, held(store).failures) == (4, 0)
    assert deliverer.wake() == 0


def test_two_workers_never_deliver_to_one_subscriber_at_once(store, portal, make_settings):
    portal.log(*(("a.b", n) for n in range(50)))
    bench = Bench(store, make_settings(codat_webhook_secrets=SECRET))
    workers = [Deliverer(bench.context, lambda url: WebhookSender(url, LOOPBACK)) for _ in range(3)]
    with subscriber() as one:
        subscribe(store, one)
        waking = [threading.Thread(target=w.wake) for w in workers * 3]
        for thread in waking:
            thread.start()
        for thread in waking:
            thread.join()
        for worker in workers:
            assert worker.wait(WAIT)
    assert one.ids() == list(range(1, 51))


def test_what_a_worker_died_over_is_delivered_again_by_the_next(store, portal, deliverer):
    portal.log(("a.b", 1), ("a.b", 1))
    with subscriber() as one:
        subscribe(store, one)
        [lost] = store.subscriptions.claim(lease_ms=0, limit=1, hindered=1)
        deliver(deliverer)
        assert one.ids() == [1, 2]
        late = store.subscriptions.record(lost, "go on", cursor=1)
    assert late[0] is False
    assert held(store).cursor == 2


def test_a_change_while_it_is_delivered_to_makes_the_delivery_void(store, portal, deliverer):
    portal.log(("a.b", 1))
    with subscriber() as one:
        made = subscribe(store, one)
        [claim] = store.subscriptions.claim(lease_ms=60_000, limit=1, hindered=1)
        assert store.subscriptions.put(made, over=made, cursor=0)[0]
        assert store.subscriptions.record(claim, "idle", cursor=1)[0] is False
        other = replace(made, description="other")
        assert not store.subscriptions.put(other, over=replace(made, url="x"))[0]
        deliver(deliverer)
    assert one.ids() == [1]


def test_a_drain_hints_deliveries_only_where_there_are_subscriptions(bench):
    bench.deliver(make_event("company.created"))
    bench.drain()
    assert bench.hints.delivered == 0
    subscribe(bench.store, "https://x.test/")
    bench.store.subscriptions._looked = 0.0
    bench.deliver(make_event("company.created", company=2))
    bench.drain()
    assert bench.hints.delivered == 1


def test_there_are_more_threads_than_failing_ones_may_hold(store, portal):
    portal.log(("a.b", 1))
    for number in range(AT_ONCE):
        made = subscribe(store, "https://x.test/", number)
        store.client.hset(keys.SUBSCRIPTION + made.id, "failures", 1)
    subscribe(store, "https://x.test/", 999)
    claimed = store.subscriptions.claim(lease_ms=60_000, limit=AT_ONCE, hindered=3)
    assert sorted(c.hindered for c in claimed) == [False, True, True, True]
    body = orjson.dumps([c.id for c in claimed])
    assert b"sub_999" in body
