"""Times as Codat writes them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime


def iso(seconds: float) -> str:
    """Write seconds since the epoch as Codat does: UTC, six fraction digits, Z."""
    return iso_micros(round(seconds * 1_000_000))


def iso_micros(micros: int) -> str:
    """Write microseconds since the epoch as Codat does."""
    whole, fraction = divmod(micros, 1_000_000)
    moment = datetime.fromtimestamp(whole, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"


def next_midnight(seconds: float) -> float:
    """Say when the day of `seconds` ends (Codat's daily quota resets at 00:00 UTC)."""
    day = datetime.fromtimestamp(seconds, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).timestamp()


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
