"""One attempt at what is due, and what is recorded of it, whoever was in trouble."""

import time

import pytest
from redis.exceptions import ReadOnlyError

from codat.errors import CodatBroken, NoCallNow, Unreachable
from relay.budget import SharedGate
from relay.inbox.message import Action, action_fields
from relay.store import keys
from relay.store.intents.queue import NewIntent, Priority
from relay.store.server.durable import NotDurable
from relay.times import iso_from_ms, now_micros, now_ms
from support.parts import company_id, make_event
from support.stored import stored_intent
from workers.intents.perform import _claim, perform_one
from workers.intents.retry_policy import GIVE_UP_AFTER_MS

COMPANY = company_id(1)
INFO, NAME = f"info:{COMPANY}", f"name:{COMPANY}"
SYNC = f"sync:{COMPANY}:invoices:now-1"
DUMMY, REAL = "Session 1", "Bakery Ltd"


@pytest.fixture
def linked(bench):
    """A company under a dummy name that is linked, its info come."""
    bench.codat.companies[COMPANY] = {"id": COMPANY, "name": DUMMY, "dataConnections": []}
    bench.deliver(make_event("connection.connected", name=DUMMY, connection=(1, "Linked")))
    bench.drain()
    return bench


def put(bench, name=INFO, priority=Priority.NOW, **args):
    bench.store.intents.put([NewIntent(name, COMPANY, priority, now_ms(), "test", args)], now_ms())


def put_sync(bench):
    put(bench, SYNC, data_type="invoices", period="now-1")


def attempt(bench):
    """Make one attempt, whatever wait the last one left."""
    later = now_ms() + 3_600_000
    [intent] = bench.store.intents.claim(
        now=later, lease_ms=60_000, limit=2, priorities=list(Priority)
    )
    perform_one(bench.context, intent)
    return stored_intent(bench.store, intent.name)


def kill(bench, name):
    """Have it given up, as after a week of Codat's failing."""
    bench.store.client.hset(keys.INTENT + name, "failing_since", 1)
    bench.codat.failing = lambda *_: CodatBroken("503")
    assert attempt(bench)["state"] == "dead"
    bench.codat.failing = lambda *_: None


@pytest.mark.parametrize("error", [ReadOnlyError("read only"), NotDurable("not in time")])
def test_a_store_that_fails_over_makes_no_dead_letter(bench, monkeypatch, error):
    put(bench)

    def away(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(bench.store.companies, "get", away)
        record = attempt(bench)
    assert (record["state"], record["attempts"]) == ("due", "1")
    assert str(error) in record["last_error"]
    assert bench.store.intents.counts()["dead"] == 0


def test_a_host_with_a_clock_ahead_takes_no_claim_from_another(bench, monkeypatch):
    """It would ask Codat a second time, and before Codat lets it."""
    gate = SharedGate(bench.store)
    put(bench)
    [claimed] = _claim(bench.context, 10)
    gate.end_call(gate.begin_call(COMPANY), COMPANY, None, retry_after=60.0)
    ahead = time.time_ns() + 120 * 10**9
    with monkeypatch.context() as patched:
        patched.setattr("relay.times.time.time_ns", lambda: ahead)
        assert _claim(bench.context, 10) == []
        with pytest.raises(NoCallNow) as refused:
            SharedGate(bench.store).begin_call(COMPANY)
    assert 50 < refused.value.retry_after <= 60
    assert stored_intent(bench.store, INFO)["fence"] == str(claimed.fence)


def test_a_fault_of_ours_is_given_up_at_once(bench, monkeypatch):
    put(bench)
    monkeypatch.setattr(bench.store.companies, "get", lambda _: 1 / 0)
    assert attempt(bench)["state"] == "dead"


def test_one_that_waited_for_long_has_a_week_from_its_first_failure(bench):
    need = NewIntent(INFO, COMPANY, Priority.LINK, 0, "test")
    bench.store.intents.put([need], now_ms() - GIVE_UP_AFTER_MS - 1)
    bench.codat.failing = lambda *_: CodatBroken("503")
    record = attempt(bench)
    assert record["state"] == "due"
    assert now_ms() - int(record["failing_since"]) < GIVE_UP_AFTER_MS


def test_a_revived_dead_letter_has_a_week_of_its_own(bench):
    put(bench)
    kill(bench, INFO)
    put(bench)
    bench.codat.failing = lambda *_: CodatBroken("503")
    assert attempt(bench)["state"] == "due"


def lose_answers(bench, operation):
    """Let it be done at Codat, and the answer be lost."""
    really = getattr(bench.codat, operation)

    def lost(*given, **named):
        really(*given, **named)
        raise Unreachable("the answer was lost")

    setattr(bench.codat, operation, lost)
    return lambda: setattr(bench.codat, operation, really)


def test_a_name_that_we_wrote_before_it_was_given_up_is_ours(linked, bench):
    tell(bench, "relay.company_created", name=DUMMY, placeholder=True)
    tell(bench, "relay.info_fetched", info={"companyName": REAL})
    clear(bench)
    put(bench, NAME)
    lose_answers(bench, "update_company")
    attempt(bench)
    kill(bench, NAME)
    put(bench, NAME)
    attempt(bench)
    bench.drain()
    assert len(bench.codat.renamed) == 1
    [renamed] = [data for kind, data in bench.log() if kind == "company.renamed"]
    assert (renamed["current"], renamed["source"]) == (REAL, "codat")


def test_a_sync_given_up_after_a_lost_answer_is_not_sent_twice(linked, bench):
    clear(bench)
    put_sync(bench)
    heal = lose_answers(bench, "refresh_data_type")
    attempt(bench)
    heal()
    requested = iso_from_ms(now_ms())
    kill(bench, SYNC)
    bench.codat.history = [{"id": "op-1", "dataType": "invoices", "requested": requested}]
    put_sync(bench)
    attempt(bench)
    bench.drain()
    assert bench.codat.refreshed == [(COMPANY, "invoices")]
    [told] = [data for kind, data in bench.log() if kind == "sync.requested"]
    assert told["operation_id"] == "op-1"


def clear(bench):
    """Drop what the link left to be done: here only what is put counts."""
    for priority in Priority:
        due = f"{keys.INTENTS_DUE}{int(priority)}"
        for name in bench.store.client.zrange(due, 0, -1):
            bench.store.client.delete(keys.INTENT + name.decode())
        bench.store.client.delete(due)


def tell(bench, kind, **payload):
    action = Action(kind, kind, COMPANY, now_micros(), payload)
    bench.store.inbox.ingest(action.id, COMPANY, action_fields(action))
    bench.drain()
