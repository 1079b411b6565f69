"""How an intent can end, and the policy for each way a call to Codat can fail."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codat import errors
from relay.store.intents.queue import Intent, Priority

DAY_MS = 86_400_000
GIVE_UP_AFTER = 7 * DAY_MS  # of failing, for what only time can cure
LONGEST_BACKOFF = 900.0  # seconds
# Codat's day ends at midnight UTC, so a wait for longer than a day and a bit is a mistake.
LONGEST_ASKED = 26 * 3600.0  # seconds
MOST_STEPS = 180  # times the first wait; the same as the line above for the default
KEY_REFUSED_WAIT = 60.0  # seconds, until an operator has mended the key
LOOK_AGAIN = 5.0  # seconds after a limit until an intent may be claimed, if calls may leave then
MOST_REFUSALS = 3  # times the same request may be refused before it is set aside


class Ending(StrEnum):
    """The classes of outcome; `LATER` alone leaves the intent waiting."""

    DONE = "done"
    LATER = "later"
    IN_PROGRESS = "in_progress"  # Codat is at it already: as good as done
    NEEDS_CUSTOMER = "needs_customer"  # only a new authorisation helps
    NOT_SUPPORTED = "not_supported"
    GONE = "gone"
    GAVE_UP = "gave_up"  # a dead letter, to be run again by a person


@dataclass(frozen=True, slots=True)
class Told:
    """What the company's lane is told: the type of the action and its payload."""

    type: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt ended. `wait` in seconds, for LATER; `expected` attempts do not count.

    `held`: Codat asked for the wait, so no new need shortens it. `failing_since` (ms) and
    `refusals` are what is to be known of the trouble at the next attempt. `priority`: at which it
    waits from now on, if not as before.
    """

    ending: Ending
    told: Told | None = None
    wait: float = 0.0
    error: str = ""
    expected: bool = False
    held: bool = False
    at: int | None = None  # microseconds: when what is told was asked for
    failing_since: int | None = None
    refusals: int = 0
    priority: Priority | None = None


def after_error(error: errors.CodatError, intent: Intent, *, now: int, base: float) -> Ended:
    """Decide by the error: wait and try again, or end. `now` in ms, `base` in seconds."""
    text = str(error)
    match error:
        # The shared budget holds everyone back for as long as it takes, and nothing is claimed
        # meanwhile; should the quota be renewed early, nothing need wait for the time once said.
        case errors.RateLimited() | errors.NoCallNow():
            wait = LOOK_AGAIN if error.retry_after is None else min(error.retry_after, LOOK_AGAIN)
            return _later(intent, wait, text, expected=True, failing_since=intent.failing_since)
        case errors.SyncInProgress():
            return Ended(Ending.IN_PROGRESS, error=text)
        case errors.NotSupported():
            return Ended(Ending.NOT_SUPPORTED, error=text)
        case errors.NotFound():
            return Ended(Ending.GONE, error=text)
        case errors.Unauthorized() | errors.Forbidden():
            wait = max(base, KEY_REFUSED_WAIT if base >= 1 else base)
            return _later_or_never(intent, now, wait, text)
        case errors.Unreachable() | errors.CodatBroken() | errors.BadAnswer():
            asked = min(error.retry_after or 0.0, LONGEST_ASKED)
            wait = asked or backoff(intent.attempts, base)
            return _later_or_never(intent, now, wait, text, held=bool(asked))
        case _ if intent.refusals + 1 < MOST_REFUSALS:
            refusals = intent.refusals + 1
            return _later(intent, backoff(refusals, base), text, refusals=refusals)
        case _:
            return Ended(Ending.GAVE_UP, error=text)


def after_store_error(error: Exception, intent: Intent, *, now: int, base: float) -> Ended:
    """Wait for our own server, as during a fail-over. `now` in ms, `base` in seconds.

    A call may have left before it failed, so this counts as an attempt.
    """
    text = f"{type(error).__name__}: {error}"
    return _later_or_never(intent, now, backoff(intent.attempts, base), text)


def backoff(attempts: int, base: float) -> float:
    """Give the wait before the next attempt in seconds: doubling, capped, with 20 % jitter."""
    wait: float = min(base * min(2 ** min(attempts - 1, 30), MOST_STEPS), LONGEST_BACKOFF)
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 (not a secret)


def _later_or_never(
    intent: Intent, now: int, wait: float, text: str, *, held: bool = False
) -> Ended:
    since = now if intent.failing_since is None else intent.failing_since
    if now - since > GIVE_UP_AFTER:
        return Ended(Ending.GAVE_UP, error=text)
    return _later(intent, wait, text, held=held, failing_since=since)


def _later(intent: Intent, wait: float, text: str, **more: Any) -> Ended:
    """Have it tried again; what Codat has refused before is not forgotten over other trouble."""
    more.setdefault("refusals", intent.refusals)
    return Ended(Ending.LATER, wait=wait, error=text, **more)
