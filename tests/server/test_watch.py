"""When the clock begins a comparison with Codat's own record, and that it does so once."""

import time
from typing import Any

import pytest

from relay.inbox.message import Action
from relay.services.enqueue_action import enqueue_action
from relay.store import keys
from relay.store.companies.reconciliations import Phase
from relay.times import now_ms
from scheduler.watch import Watch
from support.parts import SECRET, SentHints, company_id, make_event


def watch(store: Any, make_settings: Any, **settings: Any) -> Watch:
    return Watch(make_settings(codat_webhook_secrets=SECRET, **settings), store, SentHints())  # type: ignore[arg-type]


NOON = 1_800_014_400_000  # 2027-01-15 12:00 UTC


def test_a_day_brings_one_reconciliation_however_many_watch(store, make_settings):
    earlier = store.reconciles.begin("earlier", cause="daily", now=NOON - 86_400_000)[0]
    store.reconciles.end(store.reconciles.get(earlier), Phase.DONE, NOON)
    watches = [watch(store, make_settings, relay_reconcile_at="11:59") for _ in range(3)]
    assert [one.look(NOON) for one in watches] == ["daily", None, None]
    assert watches[0].look(NOON - 120_000) is None
    run = store.reconciles.latest()[0]
    store.reconciles.end(run, Phase.DONE, NOON)
    assert watches[1].look(NOON + 3_600_000) is None
    assert watches[1].look(NOON + 86_400_000) == "daily"
    never = watch(store, make_settings, relay_reconcile_at="never")
    assert never.look(NOON + 10 * 86_400_000) is None


def silent(store, kind, seconds):
    """Make the last sign of life of a kind of process this old."""
    store.client.hset(keys.HEARTBEATS, kind, now_ms() - seconds * 1000)


@pytest.mark.parametrize("kind", ["web", "scheduler"])
def test_an_outage_over_a_minute_brings_one_when_it_is_over(store, make_settings, kind):
    one = watch(store, make_settings, relay_reconcile_at="never")
    for each in ("web", "scheduler"):
        store.beat(each)
    assert one.look(now_ms()) is None  # a first start is no outage
    silent(store, kind, 50)
    store.beat(kind)
    assert one.look(now_ms()) is None
    silent(store, kind, 70)
    assert one.look(now_ms()) is None
    store.beat(kind)
    cause = f"after an outage of ours: no {kind} process was alive"
    assert one.look(now_ms()) == cause
    assert one.look(now_ms()) is None
    silent(store, kind, 3600)
    store.beat(kind)
    [run] = store.reconciles.latest()
    store.reconciles.end(run, Phase.DONE, now_ms())
    assert one.look(now_ms()) == cause


def test_a_full_outage_brings_a_comparison_once_webhooks_come_again(store, make_settings):
    one = watch(store, make_settings, relay_reconcile_at="never")
    silent(store, "web", 100)
    silent(store, "scheduler", 100)
    store.beat("scheduler")
    assert one.look(now_ms()) is None
    store.beat("web")
    assert one.look(now_ms()) is not None
    store.reconciles.end(store.reconciles.latest()[0], Phase.DONE, now_ms())
    assert one.look(now_ms()) is None


def test_an_outage_of_the_workers_alone_loses_nothing_and_brings_none(store, make_settings):
    silent(store, "worker drain", 100)
    store.beat("worker drain")
    assert "worker drain" in store.silences()
    assert watch(store, make_settings, relay_reconcile_at="never").look(now_ms()) is None


def test_an_outage_of_long_ago_brings_none(store, make_settings):
    one = watch(store, make_settings, relay_reconcile_at="never")
    store.client.hset(keys.SILENCES, "web", f"{NOON - 7_200_000} {NOON - 3_600_000}")
    assert one.look(NOON + 86_400_000) is None
    assert one.look(NOON) is not None


def test_silence_while_syncs_run_brings_one_and_is_logged_once(bench, make_settings):
    store = bench.store
    now = now_ms()
    store.client.hset(keys.COUNTERS, mapping={"unheard_since": now - 3_700_000, "last_webhook": 5})
    one = watch(store, make_settings, relay_reconcile_at="never")
    assert one.look(now - 3_600_000) is None
    assert one.look(now) == "Codat was silent while syncs ran"
    one.look(now + 10_000)
    bench.drain()
    assert bench.types().count("codat.silent") == 1
    store.client.hset(keys.COUNTERS, "last_webhook", now)
    assert one.look(now + 100_000_000) is None


def test_silence_counts_from_the_first_sync_that_no_webhook_followed(bench, make_settings):
    """However many are requested after it: where syncs run often, the last is always a new one."""
    store = bench.store
    one = watch(store, make_settings, relay_reconcile_at="never")

    def request(number):
        told = {"data_type": "invoices", "period": f"p{number}", "operation_id": None}
        action = Action(f"s#{number}", "relay.sync_requested", company_id(1), 0, told)
        enqueue_action(store, bench.hints, action)

    def unheard_since():
        return store.inbox.marks().get("unheard_since", 0)

    request(1)
    request(2)
    bench.deliver(make_event("company.created"))
    bench.drain()
    assert unheard_since() == 0  # in one batch, and answered
    time.sleep(0.002)
    request(3)
    bench.drain()
    first = unheard_since()
    assert first > store.inbox.marks()["last_webhook"]
    time.sleep(0.002)
    request(4)
    bench.drain()
    assert unheard_since() == first
    assert one.look(first + 3_599_000) is None
    assert one.look(first + 3_600_000) == "Codat was silent while syncs ran"
    time.sleep(0.002)
    bench.deliver(make_event("company.created", company=2))
    bench.drain()
    time.sleep(0.002)
    request(5)
    bench.drain()
    assert unheard_since() >= store.inbox.marks()["last_webhook"] > first
    assert store.reconciles.get(f"silence-{first}")


def test_the_companies_there_are_get_known_at_the_first_start(store, make_settings):
    one = watch(store, make_settings, relay_reconcile_at="23:59")
    assert one.look(NOON).startswith("first start")
    assert one.look(NOON + 60_000) is None
    store.reconciles.end(store.reconciles.latest()[0], Phase.DONE, NOON)
    assert one.look(NOON + 43_199_000) is None  # the day's comparison was made already
    assert one.look(NOON + 129_540_000) == "daily"


def test_another_server_brings_one_even_if_another_run_goes_on_then(store, make_settings, client):
    one, other = (watch(store, make_settings, relay_reconcile_at="never") for _ in range(2))
    one.look(NOON)
    store.reconciles.begin("r1", cause="daily", now=NOON)
    client.hset(keys.META, "run_id", "another")
    assert one.look(NOON) is None
    store.reconciles.end(store.reconciles.get("r1"), Phase.DONE, NOON)
    assert one.look(NOON).startswith("another server")
    [run, _] = store.reconciles.latest()
    assert other.look(NOON) is None
    store.reconciles.end(run, Phase.DONE, NOON)
    assert [one.look(NOON), other.look(NOON)] == [None, None]


def test_two_servers_that_take_turns_bring_one_each_time(store, make_settings, client):
    one = watch(store, make_settings, relay_reconcile_at="never")
    one.look(NOON)
    for _ in range(3):
        client.hset(keys.META, "run_id", "another")
        assert one.look(NOON).startswith("another server")
        assert one.look(NOON) is None
        store.reconciles.end(store.reconciles.latest()[0], Phase.DONE, NOON)


def test_another_server_brings_one(store, make_settings, client):
    one = watch(store, make_settings, relay_reconcile_at="never")
    assert one.look(NOON) is None
    client.hset(keys.META, "run_id", "another")
    assert one.look(NOON).startswith("another server")
    assert one.look(NOON) is None
