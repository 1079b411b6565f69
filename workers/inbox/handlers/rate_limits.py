"""Codat's daily quota: stop calling when it is reached, go on when it is reset."""

from dataclasses import replace

from codat.times import EARLIEST
from codat.webhook import Event, Quota
from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.times import Micros, Moment, iso_from_micros, micros_to_millis
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class LimitReached(EventData):
    """Codat takes no more requests."""

    daily_quota: int | None
    until: Moment | None
    """When it takes requests again."""


class LimitReset(EventData):
    """Codat takes requests again."""

    daily_quota: int | None
    quota_remaining: int | None


EVENT_TYPES = (
    EventType(
        "rate_limit.reached",
        "Codat tells that the client's quota is used up; no calls are made until then.",
        LimitReached,
        {"daily_quota": 1000, "until": "2026-01-06T00:00:00.000000Z"},
    ),
    EventType(
        "rate_limit.reset",
        "Codat tells that the quota is there again.",
        LimitReset,
        {"daily_quota": 1000, "quota_remaining": 1000},
    ),
)

DAY = 86_400_000_000  # microseconds
LONGEST = DAY + DAY // 12  # a day and a bit: Codat's ends at midnight UTC, and clocks differ


@router.on("client.rateLimit.reached", "ClientRateLimitReached")
def reached(company: Company, event: Event) -> Outcome:
    """Hold all calls to Codat until the quota is renewed (Codat: using-the-api/rate-limits)."""
    quota = _plausible(event)
    expires = quota.expires if quota else None
    if expires is not None and expires <= (event.generated or EARLIEST * 1_000_000):
        expires = None  # over before it began: a date that stands for none, such as 0001-01-01
    outcome = Outcome(company).log(
        "rate_limit.reached",
        daily_quota=quota.daily_quota if quota else None,
        until=iso_from_micros(expires) if expires else None,
    )
    return outcome.hold(micros_to_millis(expires), quota) if expires else outcome


@router.on("client.rateLimit.reset", "ClientRateLimitReset")
def reset(company: Company, event: Event) -> Outcome:
    """Let calls to Codat go on, by what it says of the day that began."""
    quota = _plausible(event)
    return (
        Outcome(company)
        .log(
            "rate_limit.reset",
            daily_quota=quota.daily_quota if quota else None,
            quota_remaining=quota.quota_remaining if quota else None,
        )
        .lift_hold(quota)
    )


def _plausible(event: Event) -> Quota | None:
    """Return the quota with a day that ends when Codat's can.

    An end further off than a day and a bit, such as 9999-12-31, stands for the end of the day in
    which it was told.
    """
    quota = event.rate_limit
    told = event.heard if event.generated is None else event.generated
    if quota is None or quota.expires is None or told is None or quota.expires <= told + LONGEST:
        return quota
    return replace(quota, expires=Micros(told - told % DAY + DAY))
