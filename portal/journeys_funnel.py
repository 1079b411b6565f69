"""How far journeys come on each platform, where people leave, and why."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from portal.journeys_shapes import stage
from relay.company import Company
from relay.journeys import Journey
from relay.stages import Stage, connection_of, is_linked

NO_PLATFORM = ""
STEPS = ("opened", "platform_chosen", "consented", "authorising", "linked", "confirmed")
LEFT = frozenset({"expired", "revoked"})
MOST_WORDS = 100  # different answers shown


class FunnelShape(BaseModel):
    """How many journeys on one platform got how far; `platform_key` is empty before a choice."""

    platform_key: str
    platform_name: str
    journeys: int
    opened: int
    platform_chosen: int
    consented: int
    authorising: int
    linked: int
    confirmed: int
    stages: dict[str, int]
    left_at: dict[str, int]
    reasons: dict[str, int]


class FunnelReport(BaseModel):
    """The funnel of each platform, and what people looked for and did not find."""

    platforms: list[FunnelShape]
    not_listed: dict[str, int]
    journeys: int
    complete: bool


def report(pairs: Iterable[tuple[Journey, Company | None]], now: int) -> FunnelReport:
    """Count journeys with their companies; `now` in ms since the epoch."""
    found: dict[str, FunnelShape] = {}
    sought: Counter[str] = Counter()
    total = 0
    for journey, company in pairs:
        total += 1
        key = journey.platform.key if journey.platform else NO_PLATFORM
        name = journey.platform.name if journey.platform else NO_PLATFORM
        _count(found.setdefault(key, _empty(key, name)), journey, company, now)
        sought.update(
            one.detail.casefold()
            for one in journey.passed
            if one.type == "journey.platform_not_listed"
        )
    shapes = sorted(found.values(), key=lambda one: -one.journeys)
    return FunnelReport(
        platforms=shapes,
        not_listed=dict(sought.most_common(MOST_WORDS)),
        journeys=total,
        complete=True,
    )


def _count(shape: FunnelShape, journey: Journey, company: Company | None, now: int) -> None:
    passed = {one.type.removeprefix("journey.") for one in journey.passed}
    if journey.platform is not None:
        passed.add("platform_chosen")  # a single one was never asked for
    connection = connection_of(journey, company)
    linked = connection is not None and is_linked(journey, connection)
    if linked or "confirmed" in passed:
        passed.add("linked")
    shape.journeys += 1
    for step in STEPS:
        if step in passed:
            setattr(shape, step, getattr(shape, step) + 1)
    at = str(stage(journey, company, now))
    shape.stages[at] = shape.stages.get(at, 0) + 1
    if at in LEFT or at == Stage.REFUSED:
        last = max((step for step in STEPS if step in passed), key=STEPS.index, default="started")
        shape.left_at[last] = shape.left_at.get(last, 0) + 1
        for reason in connection.errors if connection and not linked else ():
            shape.reasons[reason] = shape.reasons.get(reason, 0) + 1


def _empty(key: str, name: str) -> FunnelShape:
    counts = dict.fromkeys(STEPS, 0)
    return FunnelShape(
        platform_key=key,
        platform_name=name,
        journeys=0,
        **counts,
        stages={},
        left_at={},
        reasons={},
    )
