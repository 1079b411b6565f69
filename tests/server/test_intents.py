"""Intents on a real server: a need exists once, and only its present holder may end it."""

from dataclasses import replace

import pytest

from relay.inbox.message import Action
from relay.store import keys
from relay.store.intents.budget import MAX_CONCURRENT_PER_COMPANY
from relay.store.intents.queue import NewIntent, Priority
from relay.store.scripts import source
from support.parts import company_id
from support.stored import stored_intent

NOW = 1_800_000_000_000
LEASE = 60_000


def need(kind="info", number=1, due=NOW, priority=Priority.LINK, **args):
    name = f"{kind}:{company_id(number)}"
    return NewIntent(name, company_id(number), priority, due, "m", args)


def claim(store, now=NOW, limit=10, priorities=tuple(Priority)):
    return store.intents.claim(now=now, lease_ms=LEASE, limit=limit, priorities=priorities)


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


def test_a_sooner_request_moves_an_intent_forward_a_later_never_back(store):
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
    assert second.attempts == 2
    assert second.fence > first.fence


def test_only_the_present_holder_may_end_it(store, client):
    store.intents.put([need()], NOW)
    [first] = claim(store)
    [second] = claim(store, now=NOW + LEASE)
    told = Action("a", "relay.info_fetched", company_id(1), 1, {})
    assert finish(store, first, action=told) == (False, False)
    assert finish(store, second, action=told) == (True, True)
    lane = keys.LANE + str(store.inbox.lane_of(company_id(1)))
    assert client.xlen(lane) == 1
    assert stored_intent(store, need().name) is None


def test_a_claim_of_an_earlier_life_does_not_end_a_later_one(store):
    store.intents.put([need()], NOW)
    [asleep] = claim(store)
    [present] = claim(store, now=NOW + LEASE)
    finish(store, present)
    store.intents.put([need()], NOW + LEASE)
    [anew] = claim(store, now=NOW + LEASE + 1)
    assert finish(store, asleep) == (False, False)
    assert finish(store, anew) == (True, False)


def test_an_end_sent_twice_enqueues_its_action_once(store, client):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    script = client.register_script(source("finish_intent"))
    names = [
        keys.INTENT + intent.name,
        keys.DEAD_INTENTS,
        keys.INFLIGHT + intent.company_id,
        keys.LANE + "1",
        keys.WAITING,
        keys.REPLY + "nonce",
    ]
    known = [
        intent.name,
        intent.fence,
        "later",
        NOW,
        NOW + 1,
        "",
        1,
        "",
        "",
        0,
        "",
        keys.INTENTS_DUE,
    ]
    arguments = [*known, "kind", "action"]
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
    assert stored_intent(store, intent.name)["last_error"] == ""


def test_a_need_that_arises_during_an_expected_wait_is_due_at_once(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    store.intents.put([need(due=NOW + 1)], NOW)
    finish(store, intent, "later", due=NOW + 3_600_000, expected=True)
    assert len(claim(store, now=NOW + 1)) == 1


@pytest.mark.parametrize("priority", [Priority.LINK, Priority.NOW])
def test_no_new_need_shortens_a_wait_that_codat_asked_for(store, priority):
    store.intents.put([need(priority=Priority.NOW)], NOW)
    [intent] = claim(store)
    finish(store, intent, "later", due=NOW + 5000, error="503", held=True)
    store.intents.put([need(priority=priority)], NOW)
    assert claim(store, now=NOW + 4999) == []
    [again] = claim(store, now=NOW + 5000)
    finish(store, again, "later", due=NOW + 9000, error="500")
    store.intents.put([need()], NOW)
    assert len(claim(store, now=NOW + 5000)) == 1


def test_a_dead_intent_is_kept_and_a_new_need_revives_it(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    finish(store, intent, "dead", error="gave up")
    assert claim(store) == []
    assert store.intents.counts()["dead"] == 1
    assert stored_intent(store, intent.name)["last_error"] == "gave up"
    store.intents.put([need()], NOW)
    assert len(claim(store)) == 1
    assert store.intents.counts()["dead"] == 0


def test_a_revived_intent_starts_over_but_stays_known_as_tried(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    assert (intent.tried, intent.failing_since, intent.refusals) == (None, None, 0)
    finish(store, intent, "later", due=NOW, failing_since=NOW - 5, refusals=2)
    [intent] = claim(store)
    assert (intent.tried, intent.failing_since, intent.refusals) == (NOW, NOW - 5, 2)
    finish(store, intent, "dead", error="gave up")
    store.intents.put([need()], NOW)
    [again] = claim(store)
    assert (again.attempts, again.tried) == (1, NOW)
    assert (again.failing_since, again.refusals) == (None, 0)


def test_a_normal_wait_ends_the_trouble_and_is_no_try(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    finish(store, intent, "later", due=NOW, expected=True)
    [intent] = claim(store)
    assert intent.tried is None
    finish(store, intent, "later", due=NOW, failing_since=NOW)
    [intent] = claim(store)
    finish(store, intent, "later", due=NOW, expected=True)
    [intent] = claim(store)
    assert (intent.tried, intent.failing_since) == (NOW, None)


def test_what_a_worker_did_that_died_counts_as_tried(store):
    store.intents.put([need()], NOW)
    claim(store)
    [again] = claim(store, now=NOW + LEASE)
    assert again.tried == NOW + LEASE


@pytest.mark.parametrize("verdict", ["done", "later", "dead"])
def test_what_was_tried_stays_known_where_a_need_came_meanwhile(store, verdict):
    """The count of attempts begins anew then, but a request may have reached Codat."""
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    finish(store, intent, "later", due=NOW)
    [intent] = claim(store)
    store.intents.put([need()], NOW)
    finish(store, intent, verdict, due=NOW, expected=verdict == "later")
    [again] = claim(store)
    assert (again.attempts, again.tried) == (1, NOW)


def test_requests_during_the_work_keep_the_soonest_and_most_urgent(store):
    store.intents.put([need(priority=Priority.RECONCILE)], NOW)
    [intent] = claim(store)
    waiting = need(priority=Priority.LINK, due=NOW + 1)
    store.intents.put([replace(waiting, cause="link")], NOW)
    store.intents.put([need(priority=Priority.SCHEDULED, due=NOW + 60_000)], NOW)
    finish(store, intent)
    [again] = claim(store, now=NOW + 1)
    assert (again.priority, again.cause) == (Priority.LINK, "link")
    finish(store, again)
    assert claim(store, now=NOW + LEASE) == []


def test_an_intent_of_a_dead_worker_keeps_its_later_urgency(store):
    store.intents.put([need(priority=Priority.RECONCILE)], NOW)
    claim(store)
    store.intents.put([need(priority=Priority.LINK)], NOW)
    assert claim(store, now=NOW + LEASE - 1) == []
    [again] = claim(store, now=NOW + LEASE, priorities=[Priority.LINK])
    assert again.priority is Priority.LINK


def test_a_long_wait_lowers_the_urgency_until_the_next_request(store):
    store.intents.put([need()], NOW)
    [intent] = claim(store)
    less = {"due": NOW, "expected": True, "priority": Priority.SCHEDULED}
    finish(store, intent, "later", **less)
    [intent] = claim(store)
    assert intent.priority is Priority.SCHEDULED
    store.intents.put([need()], NOW)
    finish(store, intent, "later", **less)
    [again] = claim(store)
    assert again.priority is Priority.LINK


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
        NewIntent(f"sync:{company_id(1)}:{n}", company_id(1), Priority.NOW, NOW, "m")
        for n in range(30)
    ]
    store.intents.put([*names, need(number=2, priority=Priority.NOW)], NOW)
    claimed = claim(store, limit=25)
    mine = [i for i in claimed if i.company_id == company_id(1)]
    assert len(mine) == MAX_CONCURRENT_PER_COMPANY
    assert len(claimed) == MAX_CONCURRENT_PER_COMPANY + 1
    finish(store, mine[0])
    assert len(claim(store, now=NOW + 1000, limit=25)) == 1


def test_only_the_priorities_asked_for_are_claimed(store):
    store.intents.put([need(number=n, priority=p) for n, p in enumerate(Priority)], NOW)
    open_ones = [Priority.LINK, Priority.LOCAL]
    assert [i.priority for i in claim(store, priorities=open_ones)] == open_ones
    assert store.intents.any_due(NOW, [Priority.NOW])
    assert not store.intents.any_due(NOW, open_ones)


def test_a_busy_company_hides_no_other(store):
    many = [NewIntent(f"sync:1:{n}", company_id(1), Priority.NOW, NOW - 1, "m") for n in range(300)]
    store.intents.put([*many, need(number=2, priority=Priority.NOW)], NOW)
    assert len(claim(store, limit=20)) == MAX_CONCURRENT_PER_COMPANY
    companies = [i.company_id for _ in range(3) for i in claim(store, limit=20)]
    assert company_id(2) in companies


def test_a_claim_sent_twice_hears_the_first_answer(store, client):
    store.intents.put([need()], NOW)
    script = client.register_script(source("claim_intents"))
    names = [keys.REPLY + "nonce", keys.SYNCS_WAITING, keys.META]
    arguments = [keys.INTENT, keys.INTENTS_DUE, keys.INFLIGHT, NOW, LEASE, 10, 10, 2, 0]
    first, second = script(names, arguments), script(names, arguments)
    assert first == second != []


@pytest.mark.parametrize("kind", ["info", "sync"])
def test_the_kind_is_the_first_word_of_the_name(store, kind):
    store.intents.put([need(kind=kind, data_type="invoices")], NOW)
    [intent] = claim(store)
    assert (intent.kind, intent.args) == (kind, {"data_type": "invoices"})
