"""Ask Codat from within a request, and show its errors as problems."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from threading import BoundedSemaphore

import structlog

from codat.errors import (
    BadAnswer,
    CodatBroken,
    CodatError,
    Forbidden,
    NoCallNow,
    PaymentRequired,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from portal.http.problems import Refusal
from relay.services.codat_calls import TooManyCalls, codat_calls
from relay.store import Store

BUSY_SECONDS = 2
RETRY_SECONDS = 30
LIMIT_SECONDS = 60  # when Codat names no time
MAYBE_DONE = "It may have been done all the same: look at Codat before you try again."
OPERATOR = "Tell your operator: Codat does not accept our API key for this (CODAT_API_KEY)."

log = structlog.get_logger(__name__)


@contextmanager
def asking_codat(store: Store, call_limit: BoundedSemaphore) -> Iterator[None]:
    """Let the block call Codat as `codat_calls` does; raise Refusal for any error there."""
    with codat_problems(), codat_calls(store, call_limit):
        yield


@contextmanager
def codat_problems() -> Iterator[None]:
    """Raise Refusal for each error of Codat's that leaves the block, and for too many calls."""
    try:
        yield
    except TooManyCalls as error:
        raise Refusal("busy", "Try again in a moment.", retry_after=BUSY_SECONDS) from error
    except CodatError as error:
        log.warning("codat.failed", error=str(error)[:300])
        raise as_refusal(error) from error


def as_refusal(error: CodatError) -> Refusal:
    """Return the problem that an error of Codat's is for the caller."""
    known = {"codat_status": error.status, "codat_correlation_id": error.correlation_id}
    if isinstance(error, RateLimited | NoCallNow):
        return _limited(error.retry_after)
    if isinstance(error, Unreachable | CodatBroken | BadAnswer):
        seconds = error.retry_after or RETRY_SECONDS
        return Refusal("codat-unavailable", MAYBE_DONE, retry_after=seconds, extra=known)
    if isinstance(error, Unauthorized | Forbidden):
        return Refusal("codat-refused", OPERATOR, extra=known)
    if isinstance(error, PaymentRequired):
        detail = f"Codat's plan does not allow it: {_words(error)}."
        return Refusal("codat-refused", detail, extra=known)
    return Refusal("codat-refused", f"Codat says: {_words(error)}.", extra=known)


def _limited(seconds: float | None) -> Refusal:
    wait = max(1, ceil(seconds or LIMIT_SECONDS))
    return Refusal("codat-limit", f"Try again in {wait} seconds.", retry_after=wait)


def _words(error: CodatError) -> str:
    return (error.error or str(error))[:300].rstrip(".")
