"""Intents on a real server: a need exists once, and only its present holder may end it."""

import pytest

from parts import company_id
from relay.message import Action
from relay.store import keys
from relay.store.intents import AT_ONCE_PER_COMPANY, Need, Priority
from relay.store.scripts import source

NOW = 1_800_000_000_000
LEASE = 60_000


def need(kind="info", number=1, due=NOW, priority=Priority.LINK, **args):
    name = f"{kind}:{company_id(number)}"
    return Need(name, company_id(number), priority, due, "m", args)


def claim(store, now=NOW, limit=10, calls=1000, costs=None):
    return store.intents.claim(
        now=now, lease_ms=LEASE, limit=limit, calls_per_minute=calls, costs=costs or {}
    )


def finish(store, intent, verdict="done", **more):
    return store.intents.finish(
        intent, verdict, now=NOW, lane=store.inbox.lane_of(intent.company_id), **more
    )


def test_the_same_need_exists_once(store):
    store.intents.put([need(), need()], NOW)
    store.intents.put([need()], NOW)
    assert [intent.name for intent in claim(store)] == [need().name]


def test_what_is_not_due_is_not_claimed(store):
    store.intents.put([need(due=NOW + 1)], NOW)
    assert claim(store) == []
    assert len(claim(store, now=NOW + 1)) == 1


def test_a_sooner_need_moves_a_waiting_one_forward_and_a_later_never_back(store):
    store.intents.put([need(due=NOW + 5000)], NOW)
    store.intents.put([need(due=NOW + 9000)], NOW)
    assert claim(store, now=NOW + 4999) == []
    store.intents.put([need(due=NOW)], NOW)
    assert len(claim(store)) == 1


def test_a_claimed_intent_is_not_claimed_again_until_its_lease_ends(store):
    store.intents.put([need()], NOW)
    [first] = claim(store)
    assert claim(store, now=NOW + LEASE - 1) == []
    [second] = claim(store, now=NOW + LEASE)
    assert (second.fence, second.attempts) == (first.fence + 1, 2)


def test_only_the_present_holder_may_end_it(store, client):
    store.intents.put([need()], NOW)
    [first] = claim(store)
    [second] = claim(store, now=NOW + LEASE)
    told = Action("a", "relay.info_fetched", company_id(1), 1, {})
    assert finish(store, first, told=told) == (False, False)
    assert finish(store, second, told=told) == (True, True)
    lane = keys.LANE + str(store.inbox.lane_of(company_id(1)))
    assert client.xlen(lane) == 1
    assert store.intents.get(need().name) is None


def test_an_ending_sent_twice_tells_its_company_once(store, client):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    script = client.register_script(source("finish_intent"))
    names = [
        keys.INTENT + intent.name,
        f"{keys.INTENTS_DUE}0",
        keys.DEAD_INTENTS,
        keys.INFLIGHT + intent.company_id,
        keys.HOLD,
        keys.LANE + "1",
        keys.WAITING,
        keys.REPLY + "nonce",
    ]
    arguments = [intent.name, intent.fence, "later", NOW, NOW + 1, "", "", 1, "", "kind", "action"]
    assert script(names, arguments) == script(names, arguments) == [1, 1]
    assert client.xlen(keys.LANE + "1") == 1


def test_a_need_that_arises_while_it_is_worked_on_is_worked_on_again(store):
    store.intents.put([need()], NOW)
    [first] = claim(store)
    store.intents.put([need()], NOW)
    finish(store, first)
    [second] = claim(store)
    assert (second.name, second.attempts) == (first.name, 1)
    finish(store, second)
    assert claim(store) == []


def test_later_waits_and_keeps_the_count_unless_the_wait_was_expected(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    finish(store, intent, "later", due=NOW + 10, error="e")
    [again] = claim(store, now=NOW + 10)
    assert again.attempts == 2
    finish(store, again, "later", due=NOW + 20, expected=True)
    [third] = claim(store, now=NOW + 20)
    assert third.attempts == 2
    assert store.intents.get(intent.name)["last_error"] == ""


def test_a_need_that_arises_during_an_expected_wait_is_due_at_once(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    store.intents.put([need(due=NOW + 1)], NOW)
    finish(store, intent, "later", due=NOW + 3_600_000, expected=True)
    assert len(claim(store, now=NOW + 1)) == 1


def test_a_dead_intent_is_kept_and_a_new_need_revives_it(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    finish(store, intent, "dead", error="gave up")
    assert claim(store) == []
    assert store.intents.counts()["dead"] == 1
    assert store.intents.get(intent.name)["last_error"] == "gave up"
    store.intents.put([need()], NOW)
    assert len(claim(store)) == 1
    assert store.intents.counts()["dead"] == 0


def test_more_urgent_work_is_claimed_first(store):
    kinds = [Priority.RECONCILE, Priority.SCHEDULED, Priority.NOW, Priority.LINK]
    store.intents.put([need(number=n, priority=p) for n, p in enumerate(kinds)], NOW)
    assert [i.priority for i in claim(store)] == sorted(kinds)


def test_a_more_urgent_need_raises_a_waiting_one(store):
    store.intents.put([need(priority=Priority.RECONCILE)], NOW)
    store.intents.put([need(priority=Priority.NOW)], NOW)
    [intent] = claim(store)
    assert intent.priority is Priority.NOW
    finish(store, intent)
    assert claim(store, now=NOW + LEASE) == []


def test_no_more_than_ten_at_once_per_company(store):
    names = [
        Need(f"sync:{company_id(1)}:{n}", company_id(1), Priority.NOW, NOW, "m") for n in range(30)
    ]
    store.intents.put([*names, need(number=2, priority=Priority.NOW)], NOW)
    claimed = claim(store, limit=25)
    mine = [i for i in claimed if i.company_id == company_id(1)]
    assert len(mine) == AT_ONCE_PER_COMPANY
    assert len(claimed) == AT_ONCE_PER_COMPANY + 1
    finish(store, mine[0])
    assert len(claim(store, limit=25)) == 1


def test_no_more_calls_are_granted_in_a_minute_than_allowed(store):
    store.intents.put([need(number=n) for n in range(10)], NOW)
    first = claim(store, calls=5, costs={"info": 2})
    assert len(first) == 2
    assert claim(store, calls=5, costs={"info": 2}) == []
    assert len(claim(store, now=NOW + 60_000, calls=5, costs={"info": 2})) == 2


def test_nothing_is_claimed_while_codat_is_on_hold(store):
    import time

    now = int(time.time() * 1000)
    store.intents.put([need(number=1, due=now), need(number=2, due=now)], now)
    [intent] = claim(store, now=now, limit=1)
    finish(store, intent, "later", due=now + 60_000, hold_until=now + 60_000)
    assert claim(store, now=now) == []
    assert not store.intents.any_due(now)
    assert store.intents.held_until() == now + 60_000


def test_a_claim_sent_twice_hears_the_first_answer(store, client):
    store.intents.put([need()], NOW)
    script = client.register_script(source("claim_intents"))
    names = [keys.HOLD, keys.CALLS + "1", keys.REPLY + "nonce"]
    arguments = [
        keys.INTENT, keys.INTENTS_DUE, 4, NOW, LEASE, 10, 1000, 10, keys.INFLIGHT, "{}",
    ]  # fmt: skip
    first, second = script(names, arguments), script(names, arguments)
    assert first == second
    assert first[0][1] == 1


@pytest.mark.parametrize("kind", ["info", "sync"])
def test_the_kind_is_the_first_word_of_the_name(store, kind):
    store.intents.put([need(kind=kind, data_type="invoices")], NOW)
    [intent] = claim(store)
    assert (intent.kind, intent.args) == (kind, {"data_type": "invoices"})
