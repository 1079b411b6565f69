"""Codat's daily quota holds all calls when it is reached, and lets them go when renewed."""

import pytest

from folding import apply, logged, payload, webhook

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
def test_a_quota_renewed_lifts_the_hold(name):
    folded = apply(None, webhook(payload(name)))
    [(kind, data)] = logged(folded)
    assert (kind, data["daily_quota"]) == ("rate_limit.reset", 5000)
    assert folded.hold_until == 0


@pytest.mark.parametrize("content", [{}, {"expiryDate": "2024-09-01T23:59:99Z"}, {"expiryDate": 7}])
def test_a_quota_reached_until_nobody_knows_when_is_told_and_holds_nothing(content):
    """The next call's answer will say how long."""
    folded = apply(None, webhook(payload("client.rateLimit.reached", payload=content)))
    assert logged(folded) == [("rate_limit.reached", {"daily_quota": None, "until": None})]
    assert folded.hold_until is None
