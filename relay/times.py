"""Moments as whole numbers, as they are kept, and as text, as people and programs read them."""

import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """Give this machine's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def now_micros() -> int:
    """Give this machine's time in microseconds since the epoch."""
    return time.time_ns() // 1_000


def iso_from_micros(micros: int) -> str:
    """Write microseconds since the epoch as ISO 8601 in UTC, to the microsecond."""
    moment = EPOCH + timedelta(microseconds=micros)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def iso_from_ms(ms: int) -> str:
    """Write milliseconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    moment = EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
