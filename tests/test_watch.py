"""When the clock begins a comparison with Codat's own record, and that it does so once."""

from typing import Any

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


def test_an_outage_over_a_minute_brings_one(store, make_settings):
    one = watch(store, make_settings, relay_reconcile_at="never")
    assert one.look(now_ms()) is None  # a first start is no outage
    store.beat("scheduler")
    assert one.look(now_ms() + 59_000) is None
    assert one.look(now_ms() + 61_000) == "after an outage of ours"
    assert one.look(now_ms() + 61_000) is None


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
