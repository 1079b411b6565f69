"""Old events go behind their readers, some types before others, and every number stays taken."""

import pytest

from relay.delivery.subscription import Secret, Subscription
from relay.events.retention import Retention, Rule
from relay.store import keys
from relay.store.log.trimming import DAY_MS
from relay.times import now_ms
from scheduler import maintenance
from support.log import read_log
from support.parts import company_id
from support.portal_bench import Portal, kind

DAYS = {"relay_message_days": 7, "relay_log_type_days": ("webhook.*=7", "sync.*=14")}
KINDS = ("company.renamed", "webhook.stale", "sync.requested")


def age(store, days):
    """Make all marks older by so many days."""
    for mark, at in store.client.zrange(keys.TIME_INDEX, 0, -1, withscores=True):
        store.client.zadd(keys.TIME_INDEX, {mark: at - days * DAY_MS})
    store.client.hset(keys.META, "marked", 0)


def subscribe(store, cursor):
    made = Subscription("sub_1", "https://x.test/", (Secret("whsec_x"),), 0)
    assert store.subscriptions.put(made, over=None, cursor=cursor, state="active")[0]


def test_events_older_than_their_days_go_and_younger_ones_stay(store, make_settings):
    portal = Portal(store=store)
    portal.log(*(("a.b", 1),) * 5)
    age(store, 31)
    portal.log(*(("c.d", 1),) * 3)
    assert maintenance.trim_log(store, portal.settings, portal.hints) == 0
    age(store, 31)
    portal.log(("e.f", 1))
    assert maintenance.trim_log(store, portal.settings, portal.hints) == 5
    assert kind(portal.get("/v1/events?after=4")) == "cursor-gone"
    ids = [e["id"] for e in portal.get("/v1/events?after=5").json["events"]]
    assert ids == ["6", "7", "8", "9"]
    assert [e.sequence for e in store.events.timeline(company_id(1))] == [9, 8, 7, 6]
    portal.log(("e.f", 1))
    assert store.client.zcard(keys.TIMELINE + company_id(1)) == 5


def test_no_event_is_trimmed_before_its_readers_or_the_hard_limit(bench):
    store, portal = bench.store, Portal(store=bench.store)
    portal.log(*(("a.b", 1),) * 5)
    age(store, 31)
    portal.log(("c.d", 1))
    age(store, 31)
    subscribe(store, cursor=2)
    assert maintenance.trim_log(store, portal.settings, portal.hints) == 2
    assert portal.hints.drained == []
    age(store, 60)
    assert maintenance.trim_log(store, portal.settings, portal.hints) == 5
    bench.drain()
    told = read_log(store, 5)[-1]
    assert (told.type, told.data) == ("log.trimmed", {"up_to": "5", "passed": ["sub_1"]})


@pytest.fixture
def mixed(store) -> Portal:
    """Nine events of three types in turn, more than ten days old, then one and three of today."""
    portal = Portal(store=store, **DAYS)
    old(portal, 10, *KINDS * 3)
    portal.log(*((name, 1) for name in KINDS))
    return portal


def old(portal, days, *names) -> None:
    """Log events as if so many days ago; the last mark before now is one event later."""
    portal.log(*((name, 1) for name in names))
    age(portal.store, 1)
    portal.log(("a.b", 1))
    age(portal.store, days)


def trim(portal) -> int:
    return maintenance.trim_log(portal.store, portal.settings, portal.hints)


def read(portal, after=0, limit=100) -> list[tuple[int, str]]:
    answer = portal.get(f"/v1/events?after={after}&limit={limit}").json["events"]
    return [(int(event["id"]), event["type"]) for event in answer]


def test_types_that_are_kept_shorter_go_first_and_leave_their_numbers(mixed):
    before = read(mixed)
    assert trim(mixed) == 9
    gone = {2, 5, 8}
    expected = [(n, "event.erased" if n in gone else name) for n, name in before]
    assert read(mixed) == expected
    assert mixed.get("/v1/events?after=1&limit=1").json["events"][0]["data"] == {
        "reason": "retention"
    }
    assert [e.sequence for e in mixed.store.events.timeline(company_id(1))] == [
        n for n in range(13, 0, -1) if n not in gone
    ]
    age(mixed.store, 10)  # now twenty days old, and the latest ten
    mixed.log(("a.b", 1))
    age(mixed.store, 8)
    trim(mixed)
    gone |= {3, 6, 9, 12}
    assert [n for n, name in read(mixed) if name == "event.erased"] == sorted(gone)


def test_every_reader_sees_the_same_numbers_whatever_the_page(mixed):
    trim(mixed)
    whole = [e.sequence for e in read_log(mixed.store, 0, 100)]
    assert whole == list(range(1, 14))
    for size in (1, 2, 5):
        seen, cursor = [], 0
        while page := read(mixed, cursor, size):
            seen += page
            cursor = page[-1][0]
        assert seen == read(mixed)
    assert [n for n, _ in seen] == whole


def test_what_a_reader_has_not_read_stays_until_the_hard_limit(mixed):
    store = mixed.store
    subscribe(store, cursor=2)
    store.client.xgroup_create(keys.LOG, "books", "6-0")
    assert trim(mixed) == 2
    assert [n for n, name in read(mixed) if name == "event.erased"] == [2]
    age(store, 85)  # past 90 days: gone for everyone
    assert trim(mixed) == 9
    assert kind(mixed.get("/v1/events?after=8")) == "cursor-gone"
    lane = [fields for _, fields in store.client.xrange(keys.LANE + "0")]
    told = [m for m in lane if m[b"type"] == b"relay.log_trimmed"]
    assert [b'["group:books","sub_1"]' in m[b"body"] for m in told] == [True]


def test_a_consumer_group_keeps_what_it_has_not_acknowledged(store):
    portal = Portal(store=store)
    old(portal, 31, *KINDS[:1] * 5)
    store.client.xgroup_create(keys.LOG, "books", "0")
    store.client.xreadgroup("books", "one", {keys.LOG: ">"}, count=4)
    store.client.xack(keys.LOG, "books", "1-0", "2-0", "4-0")
    assert trim(portal) == 2
    store.client.xack(keys.LOG, "books", "3-0")
    assert trim(portal) == 4


def test_readers_far_behind_are_logged_daily_before_they_lose_events(bench):
    portal = Portal(store=bench.store)
    old(portal, 80, *KINDS[:1] * 5)
    subscribe(bench.store, cursor=2)
    trim(portal)
    bench.drain()
    assert [e.type for e in read_log(bench.store, 2)] == [KINDS[0]] * 3 + ["a.b"]
    age(bench.store, 2)
    trim(portal)
    trim(portal)
    bench.drain()
    told = read_log(bench.store, 6)
    assert [e.type for e in told] == ["log.limit_neared"]
    assert [e.data for e in told] == [{"reader": "sub_1", "cursor": "2", "days": 9}]


def test_a_log_with_many_holes_is_rewritten_and_reads_the_same(store):
    portal = Portal(store=store, **DAYS)
    for _ in range(20):
        portal.log(*((KINDS[1], 1),) * 90, (KINDS[0], 1))
    old(portal, 10, KINDS[0])
    held = store.client.memory_usage(keys.LOG, samples=0)
    trim(portal)
    assert store.client.memory_usage(keys.LOG, samples=0) * 5 < held
    assert store.client.xlen(keys.LOG) == 22
    assert [n for n, _ in read(portal, 1700, 1000)] == list(range(1701, 1823))
    assert not store.client.exists(keys.COPY + keys.LOG, keys.ERASING)


def test_new_rules_reach_back_to_what_older_ones_have_kept(mixed):
    trim(mixed)
    retention = Retention(30, 90, (Rule("company.*", 8),))
    mixed.store.trimming.trim(now_ms(), retention)
    assert [name for _, name in read(mixed)][:3] == ["event.erased", "event.erased", KINDS[2]]


def test_readers_of_a_process_do_not_get_what_went_from_memory(mixed):
    assert read(mixed)[1] == (2, "webhook.stale")
    trim(mixed)
    assert read(mixed)[1] == (2, "event.erased")


def test_while_a_company_is_forgotten_nothing_is_thinned(mixed):
    mixed.store.client.set(keys.ERASING, "olga")
    assert trim(mixed) == 0
    mixed.store.client.delete(keys.ERASING)
    assert trim(mixed) == 9
