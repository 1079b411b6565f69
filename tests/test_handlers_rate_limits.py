"""Codat's daily quota holds all calls when it is reached, and lets them go when renewed."""

import pytest

from folding import RECEIVED, apply, logged, payload, types, webhook
from relay.times import iso_from_micros

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
    assert (folded.company, folded.needs) == (None, [])


@pytest.mark.parametrize("name", RESET)
def test_a_quota_renewed_lifts_the_hold_and_says_what_the_new_day_holds(name):
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
    """The quota may have been reached again since."""
    told = iso_from_micros(RECEIVED * 1000 - minutes * 60_000_000)
    folded = apply(None, webhook(payload("client.rateLimit.reset", generatedDate=told)))
    assert types(folded) == ["rate_limit.reset"]
    assert folded.hold_until == hold
    assert (folded.quota is None) == (hold is None)


NO_DATES = ["2024-09-01T23:59:99Z", 7, None, "0001-01-01T00:00:00Z", "2026-03-06T17:42:10Z"]


@pytest.mark.parametrize("expiry", NO_DATES)
@pytest.mark.parametrize("name", REACHED)
def test_a_quota_reached_until_nobody_knows_when_is_told_and_holds_nothing(name, expiry):
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
