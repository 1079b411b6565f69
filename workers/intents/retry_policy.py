"""How an attempt at an intent can end, and what to do for each way a call to Codat can fail."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codat import errors
from relay.store.intents.queue import Intent, Priority
from relay.times import Millis

DAY_MS = 86_400_000
GIVE_UP_AFTER_MS = 7 * DAY_MS  # of failing, for faults that may pass by themselves
MAX_BACKOFF = 900.0  # seconds
# Codat's day ends at midnight UTC, so a wait for longer than a day and a bit is a mistake.
MAX_RETRY_AFTER = 26 * 3600.0  # seconds
MAX_BACKOFF_STEPS = 180  # times the first wait: with the default as long as MAX_BACKOFF
KEY_REFUSED_WAIT = 60.0  # seconds, while an operator replaces the key
LIMIT_WAIT = 5.0  # seconds until an intent that met a limit may be claimed again
MAX_REFUSALS = 3  # times Codat may refuse a request before the intent is given up


class ResultKind(StrEnum):
    """The ways an attempt can end; after `LATER` alone the intent waits to be tried again."""

    DONE = "done"
    LATER = "later"
    IN_PROGRESS = "in_progress"  # Codat works on it already: as good as done
    NEEDS_CUSTOMER = "needs_customer"  # only a new authorisation helps
    NOT_SUPPORTED = "not_supported"
    GONE = "gone"
    GAVE_UP = "gave_up"  # a dead letter, which a person can run again


@dataclass(frozen=True, slots=True)
class NewAction:
    """An action to put in the company's lane."""

    type: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How one attempt ended. `wait` is in seconds, for LATER; `expected` attempts do not count.

    `held`: Codat asked for the wait, so no new request shortens it. `failing_since` (ms) and
    `refusals` carry earlier failures over to the next attempt. `priority`: the one at which it
    waits from now on, where that changes.
    """

    kind: ResultKind
    action: NewAction | None = None
    wait: float = 0.0
    error: str = ""
    expected: bool = False
    held: bool = False
    at: int | None = None  # microseconds: when Codat was asked for what `action` holds
    failing_since: Millis | None = None
    refusals: int = 0
    priority: Priority | None = None


def after_error(
    error: errors.CodatError, intent: Intent, *, now: Millis, base: float
) -> AttemptResult:
    """Decide by the error: wait and try again, or end. `now` in ms, `base` in seconds."""
    text = str(error)
    match error:
        # The shared budget keeps all workers from claiming until calls may leave again. The wait is
        # short, as the quota may be renewed earlier than Codat said.
        case errors.RateLimited() | errors.NoCallNow():
            wait = LIMIT_WAIT if error.retry_after is None else min(error.retry_after, LIMIT_WAIT)
            return _later(intent, wait, text, expected=True, failing_since=intent.failing_since)
        case errors.SyncInProgress():
            return AttemptResult(ResultKind.IN_PROGRESS, error=text)
        case errors.NotSupported():
            return AttemptResult(ResultKind.NOT_SUPPORTED, error=text)
        case errors.NotFound():
            return AttemptResult(ResultKind.GONE, error=text)
        case errors.Unauthorized() | errors.Forbidden():
            wait = max(base, KEY_REFUSED_WAIT if base >= 1 else base)
            return _later_or_never(intent, now, wait, text)
        case errors.Unreachable() | errors.CodatBroken() | errors.BadAnswer():
            asked = min(error.retry_after or 0.0, MAX_RETRY_AFTER)
            wait = asked or backoff(intent.attempts, base)
            return _later_or_never(intent, now, wait, text, held=bool(asked))
        case _ if intent.refusals + 1 < MAX_REFUSALS:
            refusals = intent.refusals + 1
            return _later(intent, backoff(refusals, base), text, refusals=refusals)
        case _:
            return AttemptResult(ResultKind.GAVE_UP, error=text)


def after_store_error(
    error: Exception, intent: Intent, *, now: Millis, base: float
) -> AttemptResult:
    """Wait for our own server, as during a fail-over. `now` in ms, `base` in seconds.

    A call may have left before it failed, so this counts as an attempt.
    """
    text = f"{type(error).__name__}: {error}"
    return _later_or_never(intent, now, backoff(intent.attempts, base), text)


def backoff(attempts: int, base: float) -> float:
    """Return the seconds to wait before the next attempt: doubling, capped, with 20 % jitter."""
    wait: float = min(base * min(2 ** min(attempts - 1, 30), MAX_BACKOFF_STEPS), MAX_BACKOFF)
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 (not a secret)


def _later_or_never(
    intent: Intent, now: Millis, wait: float, text: str, *, held: bool = False
) -> AttemptResult:
    since = now if intent.failing_since is None else intent.failing_since
    if now - since > GIVE_UP_AFTER_MS:
        return AttemptResult(ResultKind.GAVE_UP, error=text)
    return _later(intent, wait, text, held=held, failing_since=since)


def _later(intent: Intent, wait: float, text: str, **more: Any) -> AttemptResult:
    """Try again later; earlier refusals still count when the next failure is of another kind."""
    more.setdefault("refusals", intent.refusals)
    return AttemptResult(ResultKind.LATER, wait=wait, error=text, **more)
