"""Codat's daily quota: stop calling when it is reached, go on when it is reset."""

from codat.webhook import Event
from relay.company import Company
from relay.outcome import Outcome
from relay.times import iso_from_micros
from workers.routing import Router

router = Router()


@router.on("client.rateLimit.reached", "ClientRateLimitReached")
def reached(company: Company, event: Event) -> Outcome:
    """Hold all calls to Codat until the quota is renewed (Codat: using-the-api/rate-limits)."""
    quota = event.rate_limit
    expires = quota.expires if quota else None
    if expires is not None and expires <= (event.generated or 0):
        expires = None  # over before it began: a date that stands for none, such as 0001-01-01
    outcome = Outcome(company).log(
        "rate_limit.reached",
        daily_quota=quota.daily_quota if quota else None,
        until=iso_from_micros(expires) if expires else None,
    )
    return outcome.hold(expires // 1000) if expires else outcome


@router.on("client.rateLimit.reset", "ClientRateLimitReset")
def reset(company: Company, event: Event) -> Outcome:
    """Let calls to Codat go on, by what it says of the day that began."""
    quota = event.rate_limit
    return (
        Outcome(company)
        .log(
            "rate_limit.reset",
            daily_quota=quota.daily_quota if quota else None,
            quota_remaining=quota.quota_remaining if quota else None,
        )
        .renewed(quota)
    )
