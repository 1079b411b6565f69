"""Codat's daily quota holds all calls when it is reached, and lets them go when renewed."""

import orjson
import pytest

from relay.store import keys
from relay.times import iso_from_micros, iso_from_ms, now_ms
from support.folding import NOW, RECEIVED, apply, logged, payload, types, webhook
from support.parts import SHARED, make_event
from workers.inbox.fold import fold

REACHED = ["client.rateLimit.reached", "legacy-ClientRateLimitReached"]
RESET = ["client.rateLimit.reset", "legacy-ClientRateLimitReset"]
MIDNIGHT = 1_772_841_600_000  # ms: 2026-03-07


@pytest.mark.parametrize("name", REACHED)
def test_a_quota_reached_holds_all_calls_until_it_is_renewed(name):
    folded = apply(None, webhook(payload(name)))
    assert logged(folded) == [
        ("rate_limit.reached", {"daily_quota": 4000, "until": "2026-03-07T00:00:00.000000Z"})
    ]
    assert folded.hold_until == MIDNIGHT
    assert folded.quota.daily_quota == 4000
    assert (folded.company, folded.needs) == (None, [])


@pytest.mark.parametrize("name", RESET)
def test_a_renewed_quota_lifts_the_hold_and_logs_the_new_days_figure(name):
    told = {} if name.startswith("legacy-") else {"generatedDate": iso_from_micros(RECEIVED * 1000)}
    folded = apply(None, webhook(payload(name, **told)))
    [(kind, data)] = logged(folded)
    assert (kind, data["daily_quota"]) == ("rate_limit.reset", 5000)
    assert folded.hold_until == 0
    quota = folded.quota
    assert quota.daily_quota == 5000
    assert quota.quota_remaining in (4998, 5000)
    assert quota.expires == 1_772_928_000_000_000  # 2026-03-08


@pytest.mark.parametrize(("minutes", "hold"), [(9, 0), (11, None)])
def test_word_of_a_new_day_that_comes_late_lifts_nothing(minutes, hold):
    """The quota may have been reached again since, whether Codat or our lane was late."""
    told = iso_from_micros(NOW * 1000 - minutes * 60_000_000)
    folded = apply(None, webhook(payload("client.rateLimit.reset", generatedDate=told)))
    assert types(folded) == ["rate_limit.reset"]
    assert folded.hold_until == hold
    assert (folded.quota is None) == (hold is None)
    for name in RESET:
        now = RECEIVED + minutes * 60_000
        message = webhook(payload(name, generatedDate=iso_from_micros(RECEIVED * 1000)))
        assert fold(None, message, now=now).hold_until == hold


NO_DATES = ["2024-09-01T23:59:99Z", 7, None, "0001-01-01T00:00:00Z", "2026-03-06T17:42:10Z"]


@pytest.mark.parametrize("expiry", NO_DATES)
@pytest.mark.parametrize("name", REACHED)
def test_a_quota_reached_without_a_date_is_logged_and_holds_nothing(name, expiry):
    """The next call's answer will say how long."""
    if name.startswith("legacy-"):
        expiry = None if expiry == NO_DATES[-1] else expiry  # a rule webhook has no date to compare
        event = payload(name, Data={"ExpiresUtc": expiry})
    else:
        event = payload(name, payload={"expiryDate": expiry})
    folded = apply(None, webhook(event))
    assert logged(folded) == [("rate_limit.reached", {"daily_quota": None, "until": None})]
    assert folded.hold_until is None


def test_a_date_before_time_began_does_not_stop_the_lane(bench):
    """Codat's platform writes 0001-01-01 for a date that was never set."""
    never = {"expiryDate": "0001-01-01T00:00:00Z"}
    bench.deliver(payload("client.rateLimit.reached", payload=never))
    assert bench.drain() == 1
    assert bench.types() == ["rate_limit.reached"]
    assert bench.store.inbox.depths()["lanes_waiting"] == 0


def reached(at):
    """Word at `at` (ms) that the quota is spent for the next hour."""
    said, until = iso_from_ms(at), iso_from_ms(now_ms() + 3_600_000)
    return make_event("client.rateLimit.reached", company=None, expiryDate=until) | {
        "generatedDate": said
    }


def renewed(at):
    return make_event("client.rateLimit.reset", company=None) | {"generatedDate": iso_from_ms(at)}


def held(bench):
    return bench.store.budget.state(1).hold_until > now_ms()


@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_that_cross_the_one_that_codat_made_later_counts(bench, at_once):
    then = now_ms() - 60_000

    def deliver(*events):
        for event in events:
            bench.deliver(event)
            if not at_once:
                bench.drain()
        bench.drain()

    deliver(renewed(then + 1000), reached(then))
    assert not held(bench)
    deliver(reached(then + 3000), renewed(then + 2000))
    assert held(bench)
    deliver(renewed(then + 4000))
    assert not held(bench)
    assert bench.types().count("rate_limit.reached") == 2  # both are told


@pytest.mark.parametrize("at_once", [True, False])
def test_a_late_message_of_a_new_day_still_voids_older_ones(bench, at_once):
    then = now_ms() - 30 * 60_000
    bench.deliver(renewed(then + 1000))
    if not at_once:
        bench.drain()
    bench.deliver(reached(then))
    bench.drain()
    assert not held(bench)


def test_a_new_day_ends_no_wait_that_was_asked_for_after_it_began(bench):
    now = now_ms()
    bench.store.budget.ended("c", None, now=now, not_before=now + 3_600_000)
    bench.deliver(renewed(now - 60_000))
    bench.drain()
    assert held(bench)
    bench.deliver(renewed(now + 1000))
    bench.drain()
    assert not held(bench)


def test_an_undated_message_ends_only_waits_from_before_its_receipt(bench):
    now = now_ms()
    bench.store.budget.ended("c", None, now=now, not_before=now + 3_600_000)
    shared = {"authorization": SHARED, "content-type": "application/json"}

    def deliver(number):
        event = payload("legacy-ClientRateLimitReset", AlertId=f"a-{number}")
        body = orjson.dumps(event)
        bench.take(shared | {"content-length": str(len(body))}, body)

    deliver(1)
    later = now_ms() + 1000
    bench.store.budget.ended("c", None, now=later, not_before=later + 3_600_000)
    bench.drain()
    assert held(bench)
    bench.store.client.hset(keys.META, "held_at", now)
    deliver(2)
    bench.drain()
    assert not held(bench)


def test_figures_that_an_answer_brought_since_are_not_renewed(bench):
    now = now_ms()
    bench.store.budget.take("c", None, priority=0, now=now)
    bench.store.budget.ended("c", None, now=now, limit=5000, remaining=7, reset=now + 3_600_000)
    bench.deliver(renewed(now - 60_000))
    bench.drain()
    assert bench.store.budget.state(now_ms()).remaining == 7


def test_codats_daily_figure_counts_even_if_the_refusal_came_first(bench):
    """Codat makes the word of it while it refuses, so the answer may well be noted later."""
    now, day_ends = now_ms(), now_ms() + 3_600_000
    budget = bench.store.budget
    for call, limit, left, wait in (("a", 11_000, 10_900, None), ("b", 10, 0, day_ends)):
        budget.take(call, None, priority=0, now=now)
        budget.take(f"{call}-meanwhile", None, priority=0, now=now)
        budget.ended(
            call, None, now=now, limit=limit, remaining=left, reset=day_ends, not_before=wait
        )
    event = reached(now - 1)
    event["payload"]["dailyQuota"] = 10
    bench.deliver(event)
    bench.drain()
    [(_, told)] = bench.log()
    assert (told["daily_quota"], budget.state(now).limit) == (10, 10)
