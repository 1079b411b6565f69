"""Moments as whole numbers, as they are kept, and as text, as people and programs read them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICRO
_LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICRO

# A moment as events and answers show it: RFC 3339 in UTC, its fraction as exact as is known.
Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3,6})?Z$",
        json_schema_extra={"format": "date-time"},
    ),
]


def now_ms() -> int:
    """Give this machine's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def now_micros() -> int:
    """Give this machine's time in microseconds since the epoch."""
    return time.time_ns() // 1_000


def iso_from_micros(micros: int) -> str:
    """Write microseconds since the epoch as a `Moment`, to the microsecond."""
    return _written(micros, "microseconds")


def iso_from_ms(ms: int) -> str:
    """Write milliseconds since the epoch as a `Moment`, to the millisecond."""
    return _written(ms * 1000, "milliseconds")


def _written(micros: int, to: str) -> str:
    """Write a moment; one beyond the years that RFC 3339 can name becomes the nearest it can."""
    moment = EPOCH + timedelta(microseconds=min(max(micros, _FIRST), _LAST))
    return f"{moment.replace(tzinfo=None).isoformat(timespec=to)}Z"
