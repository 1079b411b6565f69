"""Times as Codat writes them."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def iso(seconds: float) -> str:
    """Write seconds since the epoch as Codat does: UTC, six fraction digits, Z."""
    return iso_micros(round(seconds * 1_000_000))


def iso_micros(micros: int) -> str:
    """Write microseconds since the epoch as Codat does."""
    whole, fraction = divmod(micros, 1_000_000)
    moment = datetime.fromtimestamp(whole, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"


def http_date(seconds: float) -> str:
    """Write seconds since the epoch as an HTTP date."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def seconds_until(text: str, now: float) -> float | None:
    """Read a `Retry-After`, seconds or an HTTP date; None when it is neither."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None
