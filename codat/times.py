"""Codat's date-times, and what its rate limit headers may hold, as numbers."""

import math
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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


def parse_time(text: object) -> int | None:
    """Give a Codat date-time as whole microseconds since the epoch; None if it is not one.

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
    return (moment - _EPOCH) // _MICROSECOND


def parse_moment(text: str | None, now: float) -> float | None:
    """Read a header that says when, as epoch seconds; None if it says nothing readable.

    Takes a wait in seconds, an HTTP date, ISO 8601 (also with spaces in it), an epoch, and what
    .NET writes by default, since Codat names no format (Codat: using-the-api/rate-limits). Seconds
    past 59, as in the `23:59:99Z` of a published example, are the minute's last.
    """
    if text is None:
        return None
    text = text.strip()
    if loose := _LOOSE.fullmatch(text):
        second = min(loose["second"], "59")
        text = f"{loose['day']}T{loose['minute']}:{second}{loose['rest']}{loose['zone']}"
    micros = parse_time(text)
    if micros is not None:
        return micros / 1_000_000
    try:
        number = float(text)
    except ValueError:
        return _dotnet_date(text) or parse_http_date(text)
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _FIRST_EPOCH_MILLISECOND:
        return number / 1_000
    return number if number >= _FIRST_EPOCH_SECOND else now + number


def _dotnet_date(text: str) -> float | None:
    """Read a moment as .NET writes it where nobody tells it how: the month comes first."""
    for zoned in (text, f"{text} +0000"):
        with suppress(ValueError):
            return datetime.strptime(zoned, "%m/%d/%Y %I:%M:%S %p %z").timestamp()
        with suppress(ValueError):
            return datetime.strptime(zoned, "%m/%d/%Y %H:%M:%S %z").timestamp()
    return None


def parse_http_date(text: str) -> float | None:
    """Read an HTTP date as epoch seconds; None if it is not one."""
    try:
        moment = parsedate_to_datetime(text)
        # An HTTP date is always in GMT, also where it says `-0000` or nothing.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
