"""When the clock begins a comparison with Codat's own record, and that it does so once."""

from typing import Any

import pytest

from parts import SECRET, SentHints, make_event
from relay.store import keys
from relay.store.reconciles import Phase
from relay.times import now_ms
from scheduler.watch import Watch


def watch(store: Any, make_settings: Any, **settings: Any) -> Watch:
    return Watch(make_settings(codat_webhook_secrets=SECRET, **settings), store, SentHints())  # type: ignore[arg-type]


NOON = 1_800_014_400_000  # 2027-01-15 12:00 UTC


def test_a_day_brings_one_reconciliation_however_many_watch(store, make_settings, bench):
    bench.deliver(make_event("company.created"))
    bench.drain()
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


def test_an_outage_of_everything_brings_one_once_webhooks_are_taken_in_again(store, make_settings):
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


def test_silence_while_syncs_run_brings_one_and_is_told_once(bench, make_settings):
    store = bench.store
    now = now_ms()
    store.client.hset(
        keys.COUNTERS, mapping={"last_sync_requested": now - 3_700_000, "last_webhook": 5}
    )
    one = watch(store, make_settings, relay_reconcile_at="never")
    assert one.look(now - 3_600_000) is None
    assert one.look(now) == "Codat was silent while syncs ran"
    one.look(now + 10_000)
    bench.drain()
    assert bench.types().count("codat.silent") == 1
    store.client.hset(keys.COUNTERS, "last_webhook", now)
    assert one.look(now + 100_000_000) is None


def test_another_server_brings_one(store, make_settings, client):
    one = watch(store, make_settings, relay_reconcile_at="never")
    assert one.look(NOON) is None
    client.hset(keys.META, "run_id", "another")
    assert one.look(NOON).startswith("another server")
    assert one.look(NOON) is None
