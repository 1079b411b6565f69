"""The shared budget on a real server: no call too many, whoever asks, and a reserve for links."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from codat.errors import NoCallNow, RateLimit
from relay.budget import SharedGate, calling_as, open_priorities
from relay.store import keys
from relay.store.intents.budget import LEASE_MS, Budget, Limits
from relay.store.intents.queue import NewIntent, Priority
from relay.store.scripts import Scripts, source
from relay.times import now_ms
from support.parts import company_id

NOW = 1_800_000_000_000
MIDNIGHT = NOW + 43_200_000
NEXT_MIDNIGHT = NOW - NOW % 86_400_000 + 86_400_000  # UTC
DAY_AND_A_BIT = 26 * 3_600_000
LINK, NORMAL = int(Priority.LINK), int(Priority.SCHEDULED)


@pytest.fixture
def budget(client):
    return Budget(client, Scripts(client), Limits(calls_per_minute=100, reserve=100))


def take(budget, number=0, priority=NORMAL, now=NOW, company=None):
    return budget.take(f"call-{number}", company, priority=priority, now=now)


def learn(budget, remaining, limit=1000, reset=MIDNIGHT, now=NOW):
    """A call that came and went, whose answer said this."""
    take(budget, "learning", LINK, now)
    budget.ended("call-learning", None, now=now, limit=limit, remaining=remaining, reset=reset)


def test_no_more_calls_leave_in_any_minute_than_allowed(budget):
    assert all(take(budget, n, now=NOW + n * 500) is None for n in range(100))
    short = take(budget, 100, now=NOW + 55_000)
    assert (short.what, short.until) == ("minute", NOW + 60_001)
    assert take(budget, 101, now=NOW + 60_001) is None
    assert take(budget, 102, now=NOW + 60_001).what == "minute"


def test_many_at_once_take_no_more_than_there_is(budget):
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda n: take(budget, n), range(300)))
    assert taken.count(None) == 100


def test_a_call_asked_for_twice_counts_once(budget):
    """redis-py sends a script again when its answer is lost."""
    learn(budget, 500)
    for _ in range(5):
        assert take(budget, 1) is None
    assert budget.state(NOW).remaining == 499


def test_the_day_is_learnt_counted_down_and_forgotten_at_its_reset(budget):
    assert budget.state(NOW).remaining is None
    learn(budget, 500)
    for n in range(10):
        take(budget, n)
    assert budget.state(NOW).remaining == 490
    assert budget.state(MIDNIGHT).remaining is None
    assert take(budget, 99, now=MIDNIGHT) is None


def test_the_reserve_is_kept_for_follow_ups_of_links(budget):
    learn(budget, 101)
    assert take(budget, 1) is None
    short = take(budget, 2)
    assert (short.what, short.until) == ("day", MIDNIGHT)
    assert take(budget, 3, LINK) is None
    learn(budget, 0)
    assert take(budget, 4, LINK).what == "day"


def test_the_lower_figure_counts_during_calls_and_codats_otherwise(budget):
    learn(budget, 500)
    take(budget, 1)
    take(budget, 2)
    budget.ended("call-1", None, now=NOW, limit=1000, remaining=499, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 498  # call 2 is not in Codat's figure yet
    budget.ended("call-2", None, now=NOW, limit=1000, remaining=498, reset=MIDNIGHT + 500)
    assert budget.state(NOW).remaining == 498
    learn(budget, 300)  # someone else uses the quota too
    assert budget.state(NOW).remaining == 300


def test_an_answer_that_is_read_late_raises_no_figure(budget):
    """Codat gave it before others reached it, and these have ended meanwhile."""
    learn(budget, 200)
    assert take(budget, 1) is None
    assert take(budget, 2) is None
    budget.ended("call-2", None, now=NOW, limit=1000, remaining=198, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 197
    budget.ended("call-1", None, now=NOW, limit=1000, remaining=199, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 197


def test_a_new_days_figure_counts_even_during_calls(budget):
    learn(budget, 0, reset=NOW + 5000)
    later = NOW + 6000
    assert take(budget, 1, now=later) is None
    assert take(budget, 2, now=later) is None
    budget.ended("call-1", None, now=later, limit=1000, remaining=1, reset=NOW + 10_000)
    assert budget.state(later).remaining == 0
    assert take(budget, 3, LINK, now=later).what == "day"


def test_what_is_under_way_is_taken_off_codats_figure(budget):
    """At the start of a day nobody knows the figure, and calls leave before the first answer."""
    for n in range(5):
        assert take(budget, n) is None
    budget.ended("call-0", None, now=NOW, limit=1000, remaining=999, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 995
    budget.ended("call-1", None, now=NOW, limit=1000, remaining=3, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 0


def test_a_quota_that_grows_as_companies_link_is_ours_to_spend(budget):
    learn(budget, 500)
    take(budget, 1)
    take(budget, 2)  # always some call under way
    budget.ended("call-1", None, now=NOW, limit=3000, remaining=2499, reset=MIDNIGHT)
    assert budget.state(NOW).remaining == 2498
    budget.ended("call-1", None, now=NOW, limit=2000, remaining=2499, reset=MIDNIGHT)
    assert budget.state(NOW).limit == 3000  # an older answer that came late


@pytest.mark.parametrize("said", ["by a call that was alone", "by a refusal", "with none left"])
def test_a_quota_that_shrank_is_taken_from_an_answer_that_knows(budget, said):
    learn(budget, 10_900, limit=11_000)
    take(budget, 1)
    if said != "by a call that was alone":
        take(budget, 2)
    left = 0 if said == "with none left" else 3
    wait = MIDNIGHT if said == "by a refusal" else None
    budget.ended("call-1", None, now=NOW, limit=10, remaining=left, reset=MIDNIGHT, not_before=wait)
    state = budget.state(NOW)
    assert (state.limit, state.reserved) == (10, 1)
    budget.ended("call-1", None, now=NOW, limit=11_000, remaining=10_000, reset=MIDNIGHT)
    assert budget.state(NOW).limit == 11_000  # and what it grows by after that is ours again


def test_a_new_day_brings_a_new_figure(budget):
    learn(budget, 3)
    learn(budget, 900, reset=MIDNIGHT + 86_400_000, now=MIDNIGHT)
    assert budget.state(MIDNIGHT).remaining == 900


def test_no_more_than_ten_at_once_per_company(budget):
    company = company_id(1)
    assert all(take(budget, n, company=company) is None for n in range(10))
    assert take(budget, 10, company=company).what == "company"
    assert take(budget, 11, company=company_id(2)) is None
    budget.ended("call-3", company, now=NOW)
    assert take(budget, 12, company=company) is None


def test_a_claimed_intent_is_not_counted_again_by_its_call(store):
    needs = [NewIntent(f"info:{n}", company_id(1), Priority.NOW, NOW, "m") for n in range(10)]
    store.intents.put(needs, NOW)
    claimed = store.intents.claim(now=NOW, lease_ms=60_000, limit=20, priorities=[Priority.NOW])
    assert len(claimed) == 10
    for number, intent in enumerate(claimed):
        call = f"call-{number}"
        assert (
            store.budget.take(call, company_id(1), priority=1, now=NOW, intent=intent.name) is None
        )
    stranger = store.budget.take("portal", company_id(1), priority=0, now=NOW)
    assert stranger.what == "company"


def test_a_claim_lost_to_another_worker_makes_no_more_calls(store):
    """It may have slept through its lease in the middle of an attempt."""
    name = f"name:{company_id(1)}"
    store.intents.put([NewIntent(name, company_id(1), Priority.LINK, NOW, "m")], NOW)
    claims = [
        store.intents.claim(now=at, lease_ms=60_000, limit=1, priorities=[Priority.LINK])[0]
        for at in (NOW, NOW + 60_000)
    ]
    asleep, present = (
        store.budget.take(
            f"call-{claim.fence}", company_id(1), priority=0, now=NOW + 60_001, intent=name,
            fence=claim.fence,
        )
        for claim in claims
    )  # fmt: skip
    assert (asleep.what, present) == ("intent", None)
    store.intents.finish(claims[1], "done", now=NOW, lane=0)
    gate = SharedGate(store)
    with pytest.raises(NoCallNow), calling_as(Priority.LINK, name, claims[1].fence):
        gate.begin_call(company_id(1))


def test_nobody_calls_before_codat_said_so(budget, store):
    take(budget, 1)
    now = now_ms()
    budget.ended("call-1", None, now=now, not_before=now + 60_000)
    for priority in (LINK, NORMAL):
        short = budget.take("x", None, priority=priority, now=now)
        assert (short.what, short.until) == ("hold", now + 60_000)
    budget.ended("call-1", None, now=now, not_before=now + 10)  # a shorter wait does not cut it
    assert budget.state(now).hold_until == now + 60_000


def test_no_wait_is_longer_than_codats(budget):
    take(budget, 1)
    now = now_ms()
    budget.ended("call-1", None, now=now, not_before=now + 99 * DAY_AND_A_BIT)
    assert budget.state(now).hold_until == now + DAY_AND_A_BIT


def test_no_day_is_longer_than_codats(budget):
    learn(budget, 0, reset=NOW + 400 * 86_400_000)
    assert budget.state(NOW).reset == NEXT_MIDNIGHT


NO_RESETS = [None, NOW + 2 * DAY_AND_A_BIT, -62_135_596_800_000]


@pytest.mark.parametrize("reset", NO_RESETS)
def test_figures_without_a_reset_that_can_be_true_hold_until_midnight(budget, reset):
    learn(budget, 0, reset=reset)
    assert (budget.state(NOW).remaining, budget.state(NOW).reset) == (0, NEXT_MIDNIGHT)
    assert take(budget, 1).until == NEXT_MIDNIGHT
    assert take(budget, 2, now=NEXT_MIDNIGHT) is None


@pytest.mark.parametrize("reset", [NEXT_MIDNIGHT, None])
@pytest.mark.parametrize("began", [NEXT_MIDNIGHT - 1000, NEXT_MIDNIGHT + 1000])
def test_an_answer_from_before_midnight_says_nothing_of_the_day_after(budget, reset, began):
    """Nor does one of a call that began just after: Codat's clock may be behind."""
    after = NEXT_MIDNIGHT + 2000
    take(budget, 1, now=began)
    budget.ended("call-1", None, now=after, limit=1000, remaining=0, reset=reset)
    assert budget.state(after).remaining is None
    learn(budget, 900, reset=NEXT_MIDNIGHT + 86_400_000, now=after)
    take(budget, 2, now=after)
    budget.ended("call-2", None, now=after, limit=1000, remaining=0, reset=NEXT_MIDNIGHT)
    assert budget.state(after).remaining == 899


def test_an_ending_sent_twice_learns_the_same(client, budget):
    """What began when is known only to the first sending, so the second does not guess."""
    for reset in (None, MIDNIGHT):
        take(budget, 1)
        budget.ended("call-1", None, now=NOW, limit=1000, remaining=500, reset=reset)
        before = client.hgetall(keys.BUDGET)
        budget.ended("call-1", None, now=NOW, limit=1000, remaining=500, reset=reset)
        assert client.hgetall(keys.BUDGET) == before


def test_a_call_renews_the_claim_of_the_intent_that_makes_it(store):
    """Else two slow calls would outlast it, and another would ask what is being asked."""
    name = f"name:{company_id(1)}"
    store.intents.put([NewIntent(name, company_id(1), Priority.RECONCILE, NOW, "m")], NOW)

    def claim(at):
        return store.intents.claim(now=at, lease_ms=LEASE_MS, limit=1, priorities=list(Priority))

    [mine] = claim(NOW)
    store.intents.put([NewIntent(name, company_id(1), Priority.LINK, NOW, "m")], NOW)
    later = NOW + LEASE_MS - 1
    assert not store.budget.take(
        "call", company_id(1), priority=3, now=later, intent=name, fence=mine.fence
    )
    assert claim(later + LEASE_MS - 1) == []
    [other] = claim(later + LEASE_MS)
    assert (other.name, other.priority) == (name, Priority.LINK)


def test_calls_left_decide_what_is_worked_on_local_work_always_is(budget):
    assert open_priorities(budget.state(NOW), NOW) == list(Priority)
    learn(budget, 50)
    assert open_priorities(budget.state(NOW), NOW) == [Priority.LINK, Priority.LOCAL]
    learn(budget, 0)
    assert open_priorities(budget.state(NOW), NOW) == [Priority.LOCAL]


def test_the_gate_refuses_with_a_wait_for_its_own_intent(store):
    gate = SharedGate(store)
    call = gate.begin_call(None)
    reset = now_ms() / 1000 + 3600
    gate.end_call(call, None, RateLimit(1000, 20, reset), None)
    with pytest.raises(NoCallNow) as refused, calling_as(Priority.SCHEDULED):
        gate.begin_call(company_id(1))
    assert refused.value.retry_after == pytest.approx(3600, abs=5)
    with calling_as(Priority.LINK):
        gate.end_call(gate.begin_call(company_id(1)), company_id(1), None, None)


def test_a_call_reported_ended_twice_ends_once(client, budget):
    take(budget, 1, company=company_id(1))
    assert budget.state(NOW).under_way == 1
    for _ in range(2):
        budget.ended("call-1", company_id(1), now=NOW)
    assert budget.state(NOW).under_way == 0
    assert "Resend" in source("end_call")
