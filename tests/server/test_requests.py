"""The record of a request that may be sent again, on a real server."""

import pytest

from relay.store.access.requests import State
from relay.store.server.checks import Server
from support.parts import company_id

FACTS = {"mark": "m"}


def begin(store, asked="a", key="k", facts=FACTS):
    return store.requests.begin("olga", key, asked, facts)


def test_a_call_sent_twice_is_begun_and_noted_once(store, monkeypatch):
    """redis-py sends a script again when its answer is lost."""
    for name in ("begin_request", "note_request"):
        once = getattr(store.requests._scripts, name)

        def twice(names, arguments, once=once, **more):
            once(names, arguments, **more)
            return once(names, arguments, **more)

        monkeypatch.setattr(store.requests._scripts, name, twice)
    begun = begin(store)
    assert (begun.state, begun.facts, begun.tries) == (State.RUN, FACTS, 0)
    assert store.requests.note(begun, tries=1)
    assert store.requests.note(begun, answer=b"{}")
    assert begin(store, facts={"mark": "other"}).facts == FACTS
    assert begin(store).answer == b"{}"


def test_one_works_on_a_request_at_a_time(store):
    first = begin(store)
    assert begin(store).state is State.RUNNING
    assert begin(store).left > 0
    store.requests.note(first, until=0)
    second = begin(store)
    assert second.state is State.RUN
    assert not store.requests.note(first, company="c-1")
    assert store.requests.note(second, company="c-2")
    store.requests.note(second, until=0)
    assert begin(store).company_id == "c-2"


def test_another_request_under_the_same_key_is_recognised(store):
    begin(store)
    assert begin(store, asked="b").state is State.OTHER
    assert begin(store, key="k2").state is State.RUN


def test_a_record_that_is_gone_is_not_written_to(store):
    begun = begin(store)
    store.client.delete(begun.place)
    assert not store.requests.note(begun, answer=b"{}")
    assert store.client.exists(begun.place) == 0


@pytest.mark.usefixtures("has_waitaof")
def test_a_server_that_must_be_waited_for_has_it_on_disk(store, monkeypatch):
    monkeypatch.setattr(store.requests._guard, "server", Server("valkey 9", True, 0))
    begun = begin(store)
    assert store.requests.note(begun, tries=1)
    store.requests.note(begun, until=0)
    assert begin(store).tries == 1


def test_forgetting_a_company_forgets_the_requests_that_made_it(store):
    mine, others = begin(store), begin(store, key="k2")
    store.requests.note(mine, company=company_id(1))
    store.requests.note(others, company=company_id(2))
    store.erasure.forget(company_id(1), "olga")
    assert store.client.exists(mine.place) == 0
    assert store.client.exists(others.place) == 1
