"""What grows with traffic, and its bound."""

from relay.inbox.message import Message
from relay.store import keys
from relay.store.inbox.dead_letters import Letters
from relay.store.inbox.lanes import Batch, DeadLetter
from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_ms
from scheduler import maintenance
from support.parts import company_id, make_event
from support.stored import stored_intent
from workers.inbox.routing import handler_for

DAY_MS = 86_400_000


def give_up(store, name: str) -> None:
    store.intents.put([NewIntent(name, company_id(1), Priority.NOW, now_ms(), "test")], now_ms())
    [held] = store.intents.claim(
        now=now_ms() + 1, lease_ms=1000, limit=1, priorities=(Priority.NOW,)
    )
    store.intents.finish(held, "dead", now=now_ms(), lane=0)


def test_work_that_was_given_up_is_kept_as_long_as_messages_are(bench):
    store, days = bench.store, bench.settings.relay_message_days
    for name in ("sync:a", "sync:b", "sync:c"):
        give_up(store, name)
    old = now_ms() - days * DAY_MS - 60_000
    store.client.zadd(keys.DEAD_INTENTS, {"sync:a": old, "sync:b": old, "sync:gone": old})
    revived = NewIntent("sync:b", company_id(1), Priority.NOW, now_ms(), "test")
    store.client.hset(keys.INTENT + "sync:b", "state", "due")  # by a person, this very moment
    maintenance.trim(store, bench.settings)
    assert store.client.zrange(keys.DEAD_INTENTS, 0, -1) == [b"sync:c"]
    assert stored_intent(store, "sync:a") is None
    assert stored_intent(store, revived.name) is not None
    assert stored_intent(store, "sync:c") is not None


def test_webhooks_of_unknown_types_are_counted_together(bench):
    for number in range(30):
        bench.deliver(make_event(f"made.up.{number}"))
    bench.deliver(make_event("company.created"))
    bench.drain()
    counted = {name for name in bench.store.inbox.marks() if name.startswith("webhook:")}
    assert counted == {"webhook:unknown", "webhook:company.created"}
    assert bench.store.inbox.marks()["webhook:unknown"] == 30


def test_a_process_remembers_so_many_types():
    for number in range(5000):
        handler_for(f"made.up.{number}")
    assert handler_for.cache_info().currsize <= 1024


def put_letter(store, number: int) -> None:
    fields = {"kind": "webhook", "source": "default", "type": "x", "id": "m", "body": b"{"}
    entry = store.inbox.ingest(f"k-{number}", None, fields).entry
    message = Message(entry, "webhook", "default", "m", "x", None, 0, b"{")
    lease = store.inbox.claim(0, 1000)
    batch = Batch(dead=[DeadLetter(message, 0, "a fault")])
    store.inbox.commit(lease, lease.cursor, message, batch, now=now_ms(), lease_ms=1000)
    store.inbox.release(lease)


def test_a_process_forgets_dead_letters_that_were_trimmed(store, monkeypatch):
    monkeypatch.setattr("relay.store.inbox.dead_letters.MAX_REMEMBERED", 1)
    letters = Letters(store.client)
    for number in range(6):
        put_letter(store, number)
    assert len(letters.read()) == 6
    store.client.xtrim(keys.DEAD, maxlen=2, approximate=False)
    assert len(letters.read()) == len(letters._ids) == 2
    for number in range(10, 200, 10):
        for more in range(10):
            put_letter(store, number + more)
        store.client.xtrim(keys.DEAD, maxlen=3, approximate=False)
        assert len(letters.read()) <= 13


def test_the_list_of_reconciliations_ends_where_their_records_do(store):
    now = now_ms()
    store.client.zadd(keys.RECONCILES, {"old": now - 91 * DAY_MS, "young": now - 89 * DAY_MS})
    store.reconciles.begin("new", cause="test", now=now)
    assert store.client.zrange(keys.RECONCILES, 0, -1) == [b"young", b"new"]


def test_the_embedded_servers_log_is_turned_over_while_it_runs(server, monkeypatch):
    from cli.runner import embedded

    server.turn_over_log()
    assert server.log.exists()
    monkeypatch.setattr(embedded, "MAX_LOG_BYTES", 10)
    server.turn_over_log()
    assert server.log.with_name(server.log.name + ".1").exists()
    monkeypatch.setattr(embedded, "MAX_LOG_BYTES", 10**9)
