"""Lanes on a real server: taken in once, leased, committed whole or not at all."""

import time

import pytest

from codat.webhook import Quota
from relay.inbox.message import webhook_fields
from relay.store import keys
from relay.store.inbox.lanes import Batch, DeadLetter, Event
from relay.store.intents.queue import NewIntent, Priority
from relay.store.scripts import source
from support.log import read_log
from support.parts import company_id
from support.stored import stored_intent

LEASE = 5000


def put(store, number=1, key=None, body=b"{}"):
    company = company_id(number)
    fields = webhook_fields(
        source="default", message_id="m", event_type="t", company_id=company, body=body
    )
    return store.inbox.ingest(key or f"e-{number}-{time.monotonic_ns()}", company, fields)


def logged(n=1):
    return [Event("t", "/s", "c", 1, "m", b"{}") for _ in range(n)]


def commit(store, lease, cursor, to, batch):
    return store.inbox.commit(
        lease, cursor, message(store, lease, to), batch, now=1, lease_ms=LEASE
    )


def message(store, lease, entry):
    return next(one for one in store.inbox.read(lease, "0-0", 1000) if one.entry == entry)


def test_the_first_message_wakes_its_lane_and_the_next_do_not(store):
    assert put(store).wake
    assert not put(store).wake


def test_a_known_event_is_a_duplicate_and_is_not_stored_again(store, client):
    first, second = put(store, key="same"), put(store, key="same")
    assert not first.duplicate
    assert second.duplicate
    assert second.entry == first.entry
    assert client.xlen(keys.LANE + str(first.lane)) == 1


def test_a_marker_outlives_the_longest_replay(store, client):
    put(store, key="kept")
    fourteen_days = 14 * 86_400
    assert client.ttl(keys.SEEN + "kept") > fourteen_days


def test_the_same_call_sent_twice_counts_once_and_still_wakes(store, client):
    """redis-py sends a script again when its answer is lost."""
    script = client.register_script(source("ingest"))
    names = [keys.SEEN + "x", keys.LANE + "3", keys.WAITING, keys.COUNTERS]
    first = script(names, ["nonce", 1000, 3, "kind", "webhook"])
    second = script(names, ["nonce", 1000, 3, "kind", "webhook"])
    assert first[1] == second[1]
    assert second[0] == 0
    assert second[2] == 1
    assert client.xlen(keys.LANE + "3") == 1
    assert store.inbox.depths()["duplicates"] == 0


def as_an_older_version_kept_it(store, client, body):
    """Store a message and mark its event by the id alone, as versions before fingerprints did."""
    stored = put(store, key="by its id", body=body)
    client.set(keys.SEEN + "e-1", f"{stored.entry} {'a' * 32}", px=60_000)
    return stored


def resend(store, body, key="fingerprint"):
    fields = webhook_fields(
        source="default", message_id="m", event_type="t", company_id=company_id(1), body=body
    )
    return store.inbox.ingest(key, company_id(1), fields, older_key="e-1")


def test_a_resend_of_what_an_older_version_took_in_is_a_duplicate(store, client):
    first = as_an_older_version_kept_it(store, client, b'{"id":"e-1"}')
    again = resend(store, b'{"id":"e-1"}')
    assert (again.duplicate, again.entry) == (True, first.entry)
    assert store.inbox.depths()["duplicates"] == 1


def test_another_body_under_an_older_versions_id_is_new(store, client):
    first = as_an_older_version_kept_it(store, client, b'{"id":"e-1"}')
    other = resend(store, b'{"id":"e-1","eventType":"x"}')
    assert not other.duplicate
    again = resend(store, b'{"id":"e-1","eventType":"x"}')
    assert (again.duplicate, again.entry) == (True, other.entry)
    assert client.xlen(keys.LANE + str(first.lane)) == 2


def test_an_older_versions_message_no_longer_kept_counts_as_the_same(store, client):
    first = as_an_older_version_kept_it(store, client, b'{"id":"e-1"}')
    client.xdel(keys.LANE + str(first.lane), first.entry)
    assert resend(store, b"{}").duplicate


def test_a_message_sent_twice_over_an_older_marker_counts_once(store, client):
    first = as_an_older_version_kept_it(store, client, b'{"id":"e-1"}')
    script = client.register_script(source("ingest"))
    lane = keys.LANE + str(first.lane)
    names = [keys.SEEN + "new", lane, keys.WAITING, keys.COUNTERS, keys.SEEN + "e-1"]
    arguments = ["nonce", 1000, first.lane, "kind", "webhook", "body", "{}"]
    assert script(names, arguments)[:2] == script(names, arguments)[:2]
    assert client.xlen(lane) == 2
    assert store.inbox.depths()["duplicates"] == 0


def test_one_company_stays_on_one_lane_and_companies_spread(store):
    lanes = {store.inbox.lane_of(company_id(n)) for n in range(1000)}
    assert len(lanes) > 50
    assert store.inbox.lane_of(company_id(7)) == store.inbox.lane_of(company_id(7))
    assert store.inbox.lane_of(None) == 0


def test_a_leased_lane_is_not_leased_again(store):
    lane = put(store).lane
    assert store.inbox.claim(lane, LEASE) is not None
    assert store.inbox.claim(lane, LEASE) is None


def test_a_lease_that_ran_out_goes_to_the_next_with_a_higher_fence(store):
    lane = put(store).lane
    first = store.inbox.claim(lane, 1)
    time.sleep(0.01)
    second = store.inbox.claim(lane, LEASE)
    assert second.fence == first.fence + 1


def test_with_no_lane_wanted_the_longest_waiting_is_leased(store):
    first = put(store, 1).lane
    time.sleep(0.005)
    other = next(n for n in range(2, 100) if store.inbox.lane_of(company_id(n)) != first)
    put(store, other)
    assert store.inbox.claim(None, LEASE).lane == first


def test_a_commit_writes_states_log_intents_and_dead_letters_together(store):
    entry = put(store).entry
    lease = store.inbox.claim(None, LEASE)
    [message] = store.inbox.read(lease, lease.cursor, 10)
    need = NewIntent(f"info:{company_id(1)}", company_id(1), Priority.LINK, 1, "m")
    batch = Batch(
        states={company_id(1): b'{"x":1}'},
        events=logged(3),
        needs=[need],
        dead=[DeadLetter(message, lease.lane, "why")],
    )
    done = commit(store, lease, lease.cursor, entry, batch)
    assert (done.log_seq, done.intents) == (3, 1)
    assert [e.sequence for e in read_log(store, 0)] == [1, 2, 3]
    assert stored_intent(store, need.name)["state"] == "due"
    assert store.inbox.dead_letters()[0]["reason"] == "why"
    assert store.companies.count() == 1


def test_a_commit_sent_twice_writes_once(store):
    entry = put(store).entry
    lease = store.inbox.claim(None, LEASE)
    batch = Batch(events=logged(2))
    first = commit(store, lease, lease.cursor, entry, batch)
    second = commit(store, lease, lease.cursor, entry, batch)
    assert first.log_seq == second.log_seq == 2
    assert store.events.last() == 2


def test_a_commit_over_a_moved_cursor_writes_nothing(store):
    first, second = put(store, 1).entry, put(store, 1).entry
    lease = store.inbox.claim(None, LEASE)
    assert commit(store, lease, lease.cursor, first, Batch(events=logged())) is not None
    assert commit(store, lease, lease.cursor, second, Batch(events=logged())) is None
    assert store.events.last() == 1


def test_a_commit_by_a_former_holder_writes_nothing(store):
    entry = put(store).entry
    old = store.inbox.claim(None, 1)
    time.sleep(0.01)
    new = store.inbox.claim(None, LEASE)
    assert commit(store, old, old.cursor, entry, Batch(events=logged())) is None
    assert commit(store, new, new.cursor, entry, Batch(events=logged())) is not None
    assert store.events.last() == 1


@pytest.mark.parametrize("instead", ["nothing", "another message under the same number"])
def test_a_commit_of_what_another_server_held_changes_nothing(store, client, instead):
    """A primary that took over may lack what was read, and have taken in other messages since."""
    entry = put(store, body=b"read").entry
    lease = store.inbox.claim(None, LEASE)
    [read] = store.inbox.read(lease, lease.cursor, 10)
    lane = keys.LANE + str(lease.lane)
    client.delete(lane)
    ms = int(entry.split("-")[0])
    taken = {"kind": "webhook", "id": "another", "body": "taken meanwhile"}
    client.xadd(lane, taken, id=f"{ms - 1}-0" if instead == "nothing" else entry)
    late = Batch(events=logged())
    now = {"now": 1, "lease_ms": LEASE}
    assert store.inbox.commit(lease, lease.cursor, read, late, **now) is None
    assert store.events.last() == 0
    again = store.inbox.claim(None, LEASE)
    assert [one.body for one in store.inbox.read(again, again.cursor, 10)] == [b"taken meanwhile"]


def test_an_emptied_lane_is_released_and_wakes_again(store):
    entry = put(store).entry
    lease = store.inbox.claim(None, LEASE)
    commit(store, lease, lease.cursor, entry, Batch())
    assert store.inbox.release(lease)
    assert store.inbox.claim(None, LEASE) is None
    assert put(store).wake


def test_a_lane_is_kept_when_a_message_came_in_between(store):
    entry = put(store).entry
    lease = store.inbox.claim(None, LEASE)
    commit(store, lease, lease.cursor, entry, Batch())
    assert not put(store).wake
    assert not store.inbox.release(lease)
    assert store.inbox.release(lease, unread=True)
    assert store.inbox.claim(None, LEASE) is not None


def test_the_sweeper_finds_waiting_lanes_without_a_worker(store, client):
    lane = put(store).lane
    assert store.inbox.sweep(10_000) == []
    client.zadd(keys.WAITING, {lane: 1})  # since long ago
    assert store.inbox.sweep(10_000) == [lane]
    store.inbox.claim(lane, LEASE)
    assert store.inbox.sweep(10_000) == []


def test_the_sweeper_leaves_waiting_lanes_in_their_order(store, client):
    client.zadd(keys.WAITING, {"7": 1, "30": 2, "4": 3})
    assert store.inbox.sweep(10_000) == [7, 30, 4]
    assert store.inbox.sweep(10_000) == [7, 30, 4]


def test_a_lane_released_with_messages_waits_behind_the_others(store):
    lanes = {put(store, number).lane for number in range(1, 6)}
    assert len(lanes) > 2
    for _ in range(2):
        served = []
        for _ in lanes:
            before = store.now_ms()  # no two are given back in the same millisecond
            while store.now_ms() == before:
                pass
            lease = store.inbox.claim(None, LEASE)
            served.append(lease.lane)
            store.inbox.release(lease, unread=True)
        assert set(served) == lanes


def test_trimming_leaves_unread_messages(store, client):
    first, _second = put(store, 1), put(store, 1)
    lease = store.inbox.claim(None, LEASE)
    commit(store, lease, lease.cursor, first.entry, Batch())
    far_future = int(time.time() * 1000) + 10_000_000
    store.inbox.trim(far_future)
    assert [m.entry for m in store.inbox.read(lease, first.entry, 10)] == [_second.entry]


def test_trimming_clears_a_quiet_lane_and_its_dead_letters(store, client):
    entry = put(store, 1).entry
    lease = store.inbox.claim(None, LEASE)
    [message] = store.inbox.read(lease, lease.cursor, 10)
    dead = Batch(dead=[DeadLetter(message, lease.lane, "Malformed")])
    commit(store, lease, lease.cursor, entry, dead)
    assert store.inbox.trim(int(time.time() * 1000) - 10_000) == 0
    assert (client.xlen(keys.LANE + str(lease.lane)), client.xlen(keys.DEAD)) == (1, 1)
    assert store.inbox.trim(int(time.time() * 1000) + 10_000) == 1
    assert (client.xlen(keys.LANE + str(lease.lane)), client.xlen(keys.DEAD)) == (0, 0)
    assert store.inbox.read(lease, entry, 10) == []


def test_a_hold_is_set_kept_if_later_and_lifted_with_the_commit(store):
    now = int(time.time() * 1000)

    def held_after(until):
        entry = put(store).entry
        lease = store.inbox.claim(None, LEASE)
        batch = Batch(events=logged(), hold_until=until, limits_at=now)
        last = message(store, lease, entry)
        done = store.inbox.commit(lease, lease.cursor, last, batch, now=now, lease_ms=LEASE)
        assert done is not None
        assert store.inbox.release(lease)
        return store.budget.state(1).hold_until

    assert held_after(now + 60_000) == now + 60_000
    assert held_after(now + 30_000) == now + 60_000
    assert held_after(1) == now + 60_000
    assert held_after(-62_135_596_800_000) == now + 60_000
    day_and_a_bit = 26 * 3_600_000
    assert held_after(now + 10 * day_and_a_bit) == now + day_and_a_bit
    assert held_after(0) == 0
    assert held_after(now + 30_000) == now + 30_000
    assert held_after(0) == now + 30_000  # it may be for the minute's limit


def test_the_day_that_begins_is_learnt_from_a_webhook(store):
    now = int(time.time() * 1000)
    day = 86_400_000
    told = Quota(5000, 4998, (now + day) * 1000)

    def left_after(quota):
        entry = put(store).entry
        lease = store.inbox.claim(None, LEASE)
        batch = Batch(events=logged(), hold_until=0, quota=quota, limits_at=now)
        last = message(store, lease, entry)
        store.inbox.commit(lease, lease.cursor, last, batch, now=now, lease_ms=LEASE)
        store.inbox.release(lease)
        return store.budget.state(now).remaining

    store.budget.ended("c", None, now=now, limit=4000, remaining=0, reset=now + 1000)
    assert left_after(told) == 4998
    store.budget.take("c", None, priority=1, now=now)
    assert store.budget.state(now).remaining == 4997
    assert left_after(Quota(5000, 4998, (now - 1) * 1000)) is None
    assert left_after(Quota(5000, None, (now + day) * 1000)) is None
    assert left_after(Quota(6000, 5998, (now + 30 * day) * 1000)) == 5998
    assert store.budget.state(now).reset <= now + 26 * 3_600_000


@pytest.mark.usefixtures("has_waitaof")
def test_everysec_waits_until_the_write_is_on_disk(client):
    """On such a server the ingest is followed by WAITAOF on its own connection."""
    from relay.store.server.checks import inspect
    from relay.store.store import Store

    client.config_set("appendfsync", "everysec")
    try:
        server = inspect(client)
        assert server.must_wait
        store = Store(client, server)
        assert not put(store).duplicate
    finally:
        client.config_set("appendfsync", "always")


def test_an_unconfirmed_write_is_not_durable(client, monkeypatch):
    from relay.store.server import guard
    from relay.store.server.checks import Server
    from relay.store.store import Store

    no_such_replica = Server("x", must_wait=False, replicas=1)
    monkeypatch.setattr(guard, "REPLICAS_MS", 50)
    with pytest.raises(guard.NotDurable):
        put(Store(client, no_such_replica))


def test_a_count_of_a_refused_webhook_that_is_sent_twice_counts_once(store):
    again = [keys.COUNTERS, f"{keys.COUNTED}x"], [1000]
    assert [store.inbox._scripts.count_refused(*again) for _ in range(2)] == [1, 0]
    store.inbox.note_other_client()
    assert store.inbox.depths()["of_other_clients"] == 2
