"""Each time a customer tried to link, read from what their journey passed: how far, and why not.

A try begins with the choice of a platform and ends with another choice, a wrong company, or the
journey. Only what was not confirmed has a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from relay.companies.company import REFUSED as SAID_NO
from relay.companies.company import Company
from relay.journeys.journey import LEFT, Change, Journey, Passed, Step, noted
from relay.journeys.stage import SKEW, Stage, connection_of, is_first, is_linked, stage_of

STEPS = ("opened", "platform_chosen", "consented", "authorising", "linked", "confirmed")
OPENED, SENT, LINKED, REFUSED = (
    "journey.opened",
    "journey.authorising",
    "journey.linked",
    "journey.refused",
)
CHOSEN, BACK, WRONG = "journey.platform_chosen", "journey.platform_left", "journey.wrong_company"
MISMATCH, ACCEPTED = "journey.mismatch", "journey.mismatch_accepted"
NOT_LISTED = "journey.platform_not_listed"


class Reason(StrEnum):
    """Why a try came to no confirmed company."""

    REFUSED = "refused"  # the customer said no at the platform
    FAILED = "failed"  # the platform, or the way to it, did not do it
    WRONG_COMPANY = "wrong_company"
    MISMATCH = "mismatch"
    NOT_LISTED = "not_listed"
    LEFT = "left"  # said "not now", or went back to choose another platform
    IDLE = "idle"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(slots=True)
class Try:
    """One try; `reason` None while it goes on, or when it was confirmed."""

    platform_key: str = ""  # empty before a choice
    platform_name: str = ""
    passed: list[Passed] = field(default_factory=list)
    steps: set[str] = field(default_factory=set)
    reason: Reason | None = None

    @property
    def last_step(self) -> str:
        """The furthest step it came to."""
        return max(self.steps, key=STEPS.index, default="started")


def note(journey: Journey, company: Company | None) -> Change | None:
    """Write what Codat told since the customer was last sent into the history; the log has it."""
    after = with_outcome(journey, company)
    return None if after is journey else Change(after)


def with_outcome(journey: Journey, company: Company | None) -> Journey:
    """Give the journey with what Codat told since the customer was last sent in its history.

    Nothing once it is confirmed. What was linked since and is so no more, with an error, was not
    refused: it was disconnected.
    """
    connection = connection_of(journey, company)
    if connection is None or journey.step is Step.CONFIRMED:
        return journey
    was_linked = _last_of(journey.passed, SENT, LINKED) == LINKED
    was_linked = was_linked or (connection.ever_linked and is_first(journey))
    if is_linked(journey, connection):
        kind = LINKED
    elif was_linked:
        return journey
    elif connection.errors and connection.version[0] > journey.sent * 1000 - SKEW:
        kind = REFUSED
    else:
        return journey
    at = connection.version[0] // 1000
    is_known = any((one.type, one.at) == (kind, at) for one in journey.passed)
    if is_known or _last_of(journey.passed, SENT, kind) == kind:
        return journey
    detail, code = "", ""
    if kind == REFUSED:
        detail, code = connection.errors[-1], connection.code
    return noted(journey, kind, at, detail, code)


def tries(journey: Journey, company: Company | None, now: int, idle_ms: int) -> list[Try]:
    """Give every try of a journey; the last has ended when it did not move for `idle_ms`."""
    journey = with_outcome(journey, company)
    found = list(_divided(journey))
    opened = any(passed.type == OPENED for passed in journey.passed)
    for one in found:
        one.steps = {passed.type.removeprefix("journey.") for passed in one.passed} & {*STEPS}
        if opened:
            one.steps.add("opened")
        if one.platform_key:
            one.steps.add("platform_chosen")  # a single one was never asked for
        if one is not found[-1]:
            one.reason = _why(one) or Reason.LEFT
    last = found[-1]
    if "confirmed" not in last.steps:
        last.reason = _end(last, journey, company, now, idle_ms)
    return found


def _divided(journey: Journey) -> Iterator[Try]:
    held = Try()
    if journey.is_single and journey.platform:
        held = Try(journey.platform.key, journey.platform.name)
    for passed in journey.passed:
        if passed.type == CHOSEN and held.platform_key:
            yield held
            held = Try()
        if passed.type == CHOSEN:
            held.platform_key, held.platform_name = passed.platform_key, passed.detail
        held.passed.append(passed)
        if passed.type in (BACK, WRONG):
            yield held
            again = passed.type == WRONG and journey.is_single
            held = Try(held.platform_key, held.platform_name) if again else Try()
    yield held


def _why(one: Try) -> Reason | None:
    """Give what stood in its way, if anything was told."""
    if one.passed and one.passed[-1].type == WRONG:
        return Reason.WRONG_COMPANY
    if _last_of(one.passed, SENT, MISMATCH, ACCEPTED) == MISMATCH:
        return Reason.MISMATCH
    if _last_of(one.passed, SENT, LINKED, REFUSED) == REFUSED:
        code = next(p.code for p in reversed(one.passed) if p.type == REFUSED)
        return Reason.REFUSED if code == SAID_NO else Reason.FAILED
    if not one.platform_key and any(passed.type == NOT_LISTED for passed in one.passed):
        return Reason.NOT_LISTED
    return None


def _end(
    one: Try, journey: Journey, company: Company | None, now: int, idle_ms: int
) -> Reason | None:
    stage = stage_of(journey, company, now)
    why = Reason.MISMATCH if stage is Stage.MISMATCH else _why(one)
    last = one.passed[-1] if one.passed else None
    if stage is Stage.GONE:
        return why or (Reason.REVOKED if journey.step is Step.REVOKED else Reason.EXPIRED)
    if stage in (Stage.REFUSED, Stage.MISMATCH):
        return why
    if last is not None and last.type == LEFT:
        return why or Reason.LEFT
    moved = max((passed.at for passed in journey.passed), default=journey.created)
    return (why or Reason.IDLE) if now - moved > idle_ms else None


def _last_of(history: tuple[Passed, ...] | list[Passed], *kinds: str) -> str | None:
    return next((one.type for one in reversed(history) if one.type in kinds), None)
