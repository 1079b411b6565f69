"""What can go wrong when asking Codat: one small tree, whose class says what to do next."""

from dataclasses import dataclass
from typing import Any

from codat.records import Company
from codat.units import Seconds


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What Codat's `X-Rate-Limit-*` headers said; `reset` is a moment."""

    limit: int | None = None
    remaining: int | None = None
    reset: Seconds | None = None


class CodatError(Exception):
    """A call to Codat that did not do what was asked; its text is one line for a log.

    `status` is the HTTP status (None when no answer came), `error` Codat's own words,
    `retry_after` the seconds to wait from now if Codat said so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error: str = "",
        correlation_id: str | None = None,
        retry_after: Seconds | None = None,
        rate_limit: RateLimit | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.rate_limit = rate_limit
        self.body = body


class Unreachable(CodatError):
    """No whole answer came: refused, reset, timed out, half a body. The effect is unknown."""


class BadAnswer(CodatError):
    """A success that is not what Codat's API promises. The effect is unknown."""


class BadRequest(CodatError):
    """Codat refuses the request as it stands: 400, and each 4xx without a class of its own."""


class Unauthorized(CodatError):
    """The API key is wrong (401)."""


class PaymentRequired(CodatError):
    """The account's plan does not allow it (402)."""


class Forbidden(CodatError):
    """The API key is outdated or not for this resource (403)."""


class NotFound(CodatError):
    """Codat holds no such company, connection or data (404)."""


class NotSupported(CodatError):
    """The platform has no such data type (a 404 too, but the company is there)."""


class Conflict(CodatError):
    """Not in this state (409): for company info, the data type `company` has not synced yet."""


class SyncInProgress(CodatError):
    """A sync of that data type is already running, so no other is needed."""


class RateLimited(CodatError):
    """Too many requests (429); after the daily quota `retry_after` can be hours."""


class CodatBroken(CodatError):
    """Codat's fault or maintenance (5xx). The effect is unknown."""


class ConnectionNotCreated(CodatError):
    """The company was created, its connection was not; `company` is the one created."""

    def __init__(self, message: str, *, company: Company) -> None:
        super().__init__(message)
        self.company = company


class NoCallNow(CodatError):
    """The call was not sent, as it would exceed a limit. `retry_after` says when to try again."""
