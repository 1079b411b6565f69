"""Reads Codat's answers: the JSON of a success, or the error that any other answer stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from codat.bodies import load
from codat.capabilities import hidden_text
from codat.errors import (
    BadAnswer,
    BadRequest,
    CodatBroken,
    CodatError,
    Conflict,
    Forbidden,
    NotFound,
    NotSupported,
    PaymentRequired,
    RateLimit,
    RateLimited,
    SyncInProgress,
    Unauthorized,
)
from codat.times import parse_http_date, parse_moment, read_count
from codat.units import Seconds

TOO_MANY = 429
UNSAID_WAIT = Seconds(60.0)  # after a 429 that does not say how long
_MAX_ERROR_TEXT = 300
_ALREADY_RUNNING = "datasetalreadyinprogress"
_NOT_SUPPORTED = "not supported by platform"
_CLASSES: dict[int, type[CodatError]] = {
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    # Codat's own libraries send the request again after a 408, as after a 5xx.
    408: CodatBroken,
    409: Conflict,
    429: RateLimited,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer; headers in any case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    received: Seconds

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the headers on every answer say (Codat: using-the-api/rate-limits), if they do."""
        limit = _count(self.headers.get("X-Rate-Limit-Limit"))
        remaining = _count(self.headers.get("X-Rate-Limit-Remaining"))
        reset = parse_moment(self.headers.get("X-Rate-Limit-Reset"), self.received)
        if limit is None and remaining is None and reset is None:
            return None
        return RateLimit(limit, remaining, reset)

    @property
    def refused_for(self) -> Seconds | None:
        """How long a 429 asks everyone to wait; None for any other answer.

        A wait of 0 or a date in the past counts as no wait named: asking again at once would spend
        the minute's calls on refusals.
        """
        return (self._retry_after or UNSAID_WAIT) if self.status == TOO_MANY else None

    @property
    def _retry_after(self) -> Seconds | None:
        """The wait that the header asks for, never negative; None where it says nothing.

        A date counts from the answer's own `Date`, as our clock and Codat's may differ.
        """
        now = parse_http_date(self.headers.get("Date", "")) or self.received
        until = parse_moment(self.headers.get("Retry-After"), now)
        return None if until is None else Seconds(max(0.0, until - now))

    def raise_for_status(self) -> None:
        """Raise what the answer stands for, unless it is a success. Trusts the HTTP status only.

        The `statusCode` in Codat's bodies differs from it in published examples of 402 and 503.
        """
        if 200 <= self.status < 300:
            return
        body = self._dict_or_none()
        raise self._error(_class_of(self.status, self.content), _error_text(body), body)

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body; BadAnswer if there is none."""
        body = self._dict_or_none()
        if body is None:
            raise self.bad("the body is not a JSON object")
        return body

    def bad(self, why: str) -> CodatError:
        """Make the error for a success that is not what was promised."""
        return self._error(BadAnswer, why, None)

    def _dict_or_none(self) -> dict[str, Any] | None:
        try:
            body = load(self.content)
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _error(self, kind: type[CodatError], error: str, body: dict[str, Any] | None) -> CodatError:
        correlation_id = (body or {}).get("correlationId")
        correlation_id = _one_line(correlation_id) if isinstance(correlation_id, str) else None
        message = f"{self.method} {self.path}: {self.status} {error or _phrase(self.status)}"
        if correlation_id:
            message += f" (correlation id {correlation_id})"
        return kind(
            message,
            status=self.status,
            error=error,
            correlation_id=correlation_id,
            retry_after=self._retry_after,
            rate_limit=self.rate_limit,
            body=body,
        )


def _class_of(status: int, content: bytes) -> type[CodatError]:
    if status >= 500:
        return CodatBroken
    if status < 400:
        return BadAnswer
    # Codat documents the words but not the status (Codat: using-the-api/queueing-data-syncs).
    folded = content[:20_000].lower()
    if status != 429 and _ALREADY_RUNNING.encode() in folded:
        return SyncInProgress
    if status == 404 and _NOT_SUPPORTED.encode() in folded:
        return NotSupported
    return _CLASSES.get(status, BadRequest)


def _error_text(body: dict[str, Any] | None) -> str:
    """Return Codat's words: `error`, and what its validation found, often the true reason."""
    if body is None:
        return ""
    error = body.get("error")
    texts = [error] if isinstance(error, str) else []
    validation = body.get("validation")
    found = validation.get("errors") if isinstance(validation, dict) else None
    for item in found if isinstance(found, list) else ():
        message = item.get("message") if isinstance(item, dict) else None
        if isinstance(message, str) and message:
            texts.append(message)
    return _one_line("; ".join(texts))


def _one_line(text: str) -> str:
    plain = re.sub(r"[^ -~\u00a0-\u1fff]+", " ", text)
    return hidden_text(" ".join(plain.split()))[:_MAX_ERROR_TEXT]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "without a word"


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return read_count(int(text)) if text.isascii() and text.isdigit() and len(text) <= 18 else None
