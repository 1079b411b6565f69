"""Each attempt of a customer to link, read from their journey's history: how far, and why not.

An attempt begins when a platform is chosen. It ends when another is chosen, at a wrong company, or
with the journey. Only an attempt without a confirmed company has a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from relay.companies.company import REFUSED as REFUSED_BY_CUSTOMER
from relay.companies.company import Company
from relay.journeys.history import EntryType, HistoryEntry, last_of
from relay.journeys.journey import Journey, Step
from relay.journeys.rules import JUDGEMENTS, Change, add_entry
from relay.journeys.stage import (
    OVER,
    Stage,
    connection_of,
    is_first_link,
    is_linked,
    sent_micros,
    stage_of,
)

STEPS = ("opened", "platform_chosen", "consented", "authorising", "linked", "confirmed")


class Reason(StrEnum):
    """Why an attempt ended without a confirmed company."""

    REFUSED = "refused"  # the customer said no at the platform
    FAILED = "failed"  # linking failed at the platform or on the way to it
    WRONG_COMPANY = "wrong_company"
    MISMATCH = "mismatch"
    NOT_LISTED = "not_listed"
    LEFT = "left"  # said "not now", or went back to choose another platform
    IDLE = "idle"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(slots=True)
class Attempt:
    """One attempt; `reason` is None while it goes on, or when it was confirmed."""

    platform_key: str = ""  # empty before a choice
    platform_name: str = ""
    history: list[HistoryEntry] = field(default_factory=list)
    steps: set[str] = field(default_factory=set)
    reason: Reason | None = None

    @property
    def last_step(self) -> str:
        """The furthest step it came to."""
        return max(self.steps, key=STEPS.index, default="started")


def note_outcome(journey: Journey, company: Company | None) -> Change | None:
    """Add to the history what Codat reported since the customer was sent.

    The change publishes nothing, as the log holds those events already.
    """
    after = with_outcome(journey, company)
    return None if after is journey else Change(after)


def with_outcome(journey: Journey, company: Company | None) -> Journey:
    """Return the journey with what Codat reported since the customer was sent in its history.

    A confirmed journey stays as it is. A connection that was linked since and is broken now, with
    an error, was not refused: it was disconnected.
    """
    connection = connection_of(journey, company)
    if connection is None or journey.step is Step.CONFIRMED:
        return journey
    last = _last_type(journey.history, EntryType.AUTHORISING, EntryType.LINKED)
    was_linked = last == EntryType.LINKED or (connection.ever_linked and is_first_link(journey))
    if is_linked(journey, connection):
        kind = EntryType.LINKED
    elif was_linked:
        return journey
    elif connection.errors and connection.version[0] > sent_micros(journey):
        kind = EntryType.REFUSED
    else:
        return journey
    at = connection.version[0] // 1000
    is_known = any((entry.type, entry.at) == (kind, at) for entry in journey.history)
    if is_known or _last_type(journey.history, EntryType.AUTHORISING, kind) == kind:
        return journey
    detail, code = "", ""
    if kind == EntryType.REFUSED:
        detail, code = connection.errors[-1], connection.code
    return add_entry(journey, kind, at, detail, code)


def attempts(journey: Journey, company: Company | None, now: int, idle_ms: int) -> list[Attempt]:
    """Return every attempt of a journey; the last has ended if nothing happened for `idle_ms`."""
    journey = with_outcome(journey, company)
    found = list(_divided(journey))
    opened = journey.last(EntryType.OPENED) is not None
    for attempt in found:
        done = {entry.type.removeprefix("journey.") for entry in attempt.history}
        attempt.steps = done & {*STEPS}
        if opened:
            attempt.steps.add("opened")
        if attempt.platform_key:
            attempt.steps.add("platform_chosen")  # where there is no choice, nobody was asked
        if attempt is not found[-1]:
            attempt.reason = _reason(attempt) or Reason.LEFT
    last = found[-1]
    if "confirmed" not in last.steps:
        last.reason = _last_reason(last, journey, company, now, idle_ms)
    return found


def _divided(journey: Journey) -> Iterator[Attempt]:
    """Divide the history among the attempts."""
    attempt = Attempt()
    if journey.has_no_choice and journey.platform:
        attempt = Attempt(journey.platform.key, journey.platform.name)
    for entry in journey.history:
        if entry.type == EntryType.PLATFORM_CHOSEN and attempt.platform_key:
            yield attempt
            attempt = Attempt()
        if entry.type == EntryType.PLATFORM_CHOSEN:
            attempt.platform_key, attempt.platform_name = entry.platform_key, entry.detail
        attempt.history.append(entry)
        if entry.type in (EntryType.PLATFORM_LEFT, EntryType.WRONG_COMPANY):
            yield attempt
            is_same = entry.type == EntryType.WRONG_COMPANY and journey.has_no_choice
            before = (attempt.platform_key, attempt.platform_name)
            attempt = Attempt(*before) if is_same else Attempt()
    yield attempt


def _reason(attempt: Attempt) -> Reason | None:
    """Return what stopped the attempt, if its history says so."""
    history = attempt.history
    if history and history[-1].type == EntryType.WRONG_COMPANY:
        return Reason.WRONG_COMPANY
    if _last_type(history, *JUDGEMENTS) == EntryType.MISMATCH:
        return Reason.MISMATCH
    outcome = last_of(history, EntryType.AUTHORISING, EntryType.LINKED, EntryType.REFUSED)
    if outcome is not None and outcome.type == EntryType.REFUSED:
        return Reason.REFUSED if outcome.code == REFUSED_BY_CUSTOMER else Reason.FAILED
    if not attempt.platform_key and last_of(history, EntryType.PLATFORM_NOT_LISTED):
        return Reason.NOT_LISTED
    return None


def _last_reason(
    attempt: Attempt, journey: Journey, company: Company | None, now: int, idle_ms: int
) -> Reason | None:
    """Return why the last attempt ended; None while it goes on."""
    stage = stage_of(journey, company, now)
    reason = Reason.MISMATCH if stage is Stage.MISMATCH else _reason(attempt)
    last = attempt.history[-1] if attempt.history else None
    if stage in OVER:
        return reason or (Reason.REVOKED if stage is Stage.REVOKED else Reason.EXPIRED)
    if stage in (Stage.REFUSED, Stage.MISMATCH):
        return reason
    if last is not None and last.type == EntryType.LEFT:
        return reason or Reason.LEFT
    moved = max((entry.at for entry in journey.history), default=journey.created)
    return (reason or Reason.IDLE) if now - moved > idle_ms else None


def _last_type(history: tuple[HistoryEntry, ...] | list[HistoryEntry], *types: str) -> str | None:
    last = last_of(history, *types)
    return last.type if last else None
