"""How far journeys come on each platform, where people stop, and why."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from relay.companies.company import Company
from relay.journeys.attempts import STEPS, Attempt, Reason, attempts
from relay.journeys.history import EntryType
from relay.journeys.journey import Journey
from relay.journeys.stage import stage_of

MAX_WORDS = 100  # different answers shown


class FunnelShape(BaseModel):
    """How far attempts on one platform came; `platform_key` is empty before a choice.

    `journeys` tried it, some more than once (`attempts`); each attempt that ended without a
    confirmed company is once in `left_at`, by its last step, and once in `reasons`.
    """

    platform_key: str
    platform_name: str
    journeys: int = 0
    attempts: int = 0
    opened: int = 0
    platform_chosen: int = 0
    consented: int = 0
    authorising: int = 0
    linked: int = 0
    confirmed: int = 0
    stages: dict[str, int] = {}
    left_at: dict[str, int] = {}
    reasons: dict[Reason, int] = {}


class FunnelReport(BaseModel):
    """The funnel of each platform, and what people looked for and did not find."""

    platforms: list[FunnelShape]
    not_listed: dict[str, int]
    journeys: int
    complete: bool


def report(pairs: Iterable[tuple[Journey, Company | None]], now: int, idle_ms: int) -> FunnelReport:
    """Count the attempts of journeys; `now` in ms since the epoch.

    A journey that did not move for `idle_ms` counts as left.
    """
    found: dict[str, FunnelShape] = {}
    sought: Counter[str] = Counter()
    total = 0
    for journey, company in pairs:
        total += 1
        tried = attempts(journey, company, now, idle_ms)
        for one in tried:
            shape = found.setdefault(
                one.platform_key,
                FunnelShape(platform_key=one.platform_key, platform_name=one.platform_name),
            )
            _count(shape, one)
        for key in {one.platform_key for one in tried}:
            found[key].journeys += 1
        _add(found[tried[-1].platform_key].stages, stage_of(journey, company, now))
        sought.update(
            one.detail.casefold()
            for one in journey.history
            if one.type == EntryType.PLATFORM_NOT_LISTED
        )
    return FunnelReport(
        platforms=sorted(found.values(), key=lambda one: -one.journeys),
        not_listed=dict(sought.most_common(MAX_WORDS)),
        journeys=total,
        complete=True,
    )


def _count(shape: FunnelShape, one: Attempt) -> None:
    shape.attempts += 1
    for step in STEPS:
        if step in one.steps:
            setattr(shape, step, getattr(shape, step) + 1)
    if one.reason is not None:
        _add(shape.left_at, one.last_step)
        _add(shape.reasons, one.reason)


def _add(counts: dict[Any, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1
