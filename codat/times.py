"""Codat's date-times, and what its rate limit headers may hold, as numbers."""

import math
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from codat.units import Micros, Seconds, micros_to_seconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,7})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_LOOSE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<minute>[0-9]{2}:[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?P<rest>\S*) ?(?P<zone>\S*)"
)
# Below this a number is a wait in seconds, above it a moment: 2001 in seconds since the epoch.
_FIRST_EPOCH_SECOND = 1_000_000_000
_FIRST_EPOCH_MILLISECOND = 1_000 * _FIRST_EPOCH_SECOND
# Codat was founded in 2017. Dates before it stand for "never", such as 0001-01-01 and 1970-01-01,
# and so do dates beyond a lifetime, such as 9999-12-31.
EARLIEST = Seconds(1_483_228_800)  # 2017-01-01
LATEST = Seconds(4_102_444_800)  # 2100-01-01
MAX_COUNT = 10**12  # of anything Codat counts: more is an error, and would not fit the store


def host_time() -> Seconds:
    """Return the time by this machine's clock."""
    return Seconds(time.time())


def is_plausible(seconds: Seconds) -> bool:
    """Report whether Codat can mean this moment."""
    return EARLIEST <= seconds < LATEST


def read_time(text: object) -> Micros | None:
    """Return a Codat date-time as microseconds since the epoch, if it is plausible.

    None for what is no date-time, and for dates that mean "never": both count as undated.
    """
    micros = parse_time(text)
    return micros if micros is not None and is_plausible(micros_to_seconds(micros)) else None


def read_count(value: object) -> int | None:
    """Return a count of Codat's, such as calls left; None for what cannot be one."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MAX_COUNT else None  # type: ignore[return-value, operator]


def parse_time(text: object) -> Micros | None:
    """Return a date-time as Codat writes them as whole microseconds since the epoch, else None.

    The date may be implausible; code that acts on it uses `read_time`.

    Codat sends `Z`, an offset, or no zone (read as UTC), with up to seven fraction digits, of
    which the seventh is dropped (Codat: schema DateTime). A published example of
    `client.rateLimit.reset` even ends in `23:59:99Z`, so a bad time must never refuse an event.
    """
    if not isinstance(text, str) or _DATE_TIME.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Micros((moment - _EPOCH) // _MICROSECOND)


def utc_text(text: Any) -> Any:
    """Return a Codat date-time in UTC as RFC 3339 writes it; anything else unchanged."""
    micros = parse_time(text)
    if micros is None or text.endswith("Z"):
        return text
    if text[10:].count("-") + text.count("+") == 0:
        return f"{text}Z"
    with suppress(OverflowError):
        moment = _EPOCH + micros * _MICROSECOND
        return moment.replace(tzinfo=None).isoformat() + "Z"
    return text


def parse_moment(text: str | None, now: Seconds) -> Seconds | None:
    """Return the moment that a header names, as epoch seconds; None if unreadable or implausible.

    Takes a wait in seconds, an HTTP date, ISO 8601 (also with spaces in it), an epoch, and what
    .NET writes by default, since Codat names no format (Codat: using-the-api/rate-limits). Seconds
    past 59, as in the `23:59:99Z` of a published example, are the minute's last.
    """
    moment = None if text is None else _moment(text.strip(), now)
    return moment if moment is not None and is_plausible(moment) else None


def _moment(text: str, now: Seconds) -> Seconds | None:
    if loose := _LOOSE.fullmatch(text):
        second = min(loose["second"], "59")
        text = f"{loose['day']}T{loose['minute']}:{second}{loose['rest']}{loose['zone']}"
    micros = parse_time(text)
    if micros is not None:
        return micros_to_seconds(micros)
    try:
        number = float(text)
    except ValueError:
        return _dotnet_date(text) or parse_http_date(text)
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _FIRST_EPOCH_MILLISECOND:
        number /= 1_000
    return Seconds(number if number >= _FIRST_EPOCH_SECOND else now + number)


def _dotnet_date(text: str) -> Seconds | None:
    """Read a moment in .NET's default format: the month comes first."""
    for zoned in (text, f"{text} +0000"):
        with suppress(ValueError):
            return Seconds(datetime.strptime(zoned, "%m/%d/%Y %I:%M:%S %p %z").timestamp())
        with suppress(ValueError):
            return Seconds(datetime.strptime(zoned, "%m/%d/%Y %H:%M:%S %z").timestamp())
    return None


def parse_http_date(text: str) -> Seconds | None:
    """Return an HTTP date as epoch seconds; None if it is not one, or implausible."""
    seconds = any_http_date(text)
    return seconds if seconds is not None and is_plausible(seconds) else None


def any_http_date(text: str) -> Seconds | None:
    """Return an HTTP date of any year as epoch seconds; None if it is not one."""
    try:
        moment = parsedate_to_datetime(text)
        # An HTTP date is always in GMT, also where it says `-0000` or nothing.
        return Seconds((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
