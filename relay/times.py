"""Moments as whole numbers, as they are kept, and as text, as people and programs read them.

Which time it is, the server says. A process reads its clock every few seconds (`follow`) and counts
on from there by a clock that nobody sets, so that a wrong clock of its host does no harm.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from codat.units import (
    Micros,
    Millis,
    Seconds,
    micros_to_millis,
    micros_to_seconds,
    millis_to_micros,
    millis_to_seconds,
    millis_to_whole_seconds,
    seconds_to_micros,
    seconds_to_millis,
)

__all__ = [
    "EPOCH",
    "FIRST",
    "LAST",
    "MAX_READING",
    "Micros",
    "Millis",
    "Moment",
    "Seconds",
    "follow",
    "forget_server",
    "host_is_ahead",
    "iso_from_micros",
    "iso_from_ms",
    "micros_to_millis",
    "micros_to_seconds",
    "millis_to_micros",
    "millis_to_seconds",
    "millis_to_whole_seconds",
    "ms_of",
    "now_micros",
    "now_ms",
    "seconds_to_micros",
    "seconds_to_millis",
    "steady_ns",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
# The first and the last microsecond that can be written: those of the years 1 and 9999.
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICRO
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICRO

# A moment as events and answers show it: RFC 3339 in UTC, its fraction as exact as is known.
Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3,6})?Z$",
        json_schema_extra={"format": "date-time"},
    ),
]


MAX_READING = Seconds(1.0)  # a reading that takes longer says nothing, as in a frozen process
MIN_ERROR_NS = 25_000_000  # nanoseconds; a reading is not taken to be closer to the truth than this

# By how much the server's clock was ahead of our steady one, and by how much that may be wrong:
# half of what the reading took. Nanoseconds; nothing before the first reading.
_ahead: list[int] = []


def steady_ns() -> int:
    """Return the time of a clock that only runs on, also while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


def follow(server: Seconds, began_ns: int) -> None:
    """Take over the server's time, which was asked for at `began_ns`, steady.

    A reading that agrees with the one held, within what both may be wrong by, is taken only where
    it is much more exact: so a slow answer on a busy machine moves no time.
    """
    now = steady_ns()
    ahead = int(server * 1e9) - (began_ns + now) // 2
    error = max((now - began_ns) // 2, MIN_ERROR_NS)
    if _ahead:
        held, held_error = _ahead
        agrees = abs(ahead - held) <= error + held_error
        if now - began_ns >= MAX_READING * 1e9 or (agrees and error * 2 > held_error):
            return
    _ahead[:] = [ahead, error]


def forget_server() -> None:
    """Go by this machine's clock again, as before a server was first asked."""
    _ahead.clear()


def _now_ns() -> int:
    return steady_ns() + _ahead[0] if _ahead else time.time_ns()


def now_ms() -> Millis:
    """Return the server's time in milliseconds since the epoch, as `follow` last read it."""
    return Millis(_now_ns() // 1_000_000)


def now_micros() -> Micros:
    """Return the server's time in microseconds since the epoch, as `follow` last read it."""
    return Micros(_now_ns() // 1_000)


def host_is_ahead() -> Seconds:
    """Return by how many seconds this machine's clock is ahead of the server's; 0 if unknown."""
    return Seconds((time.time_ns() - _now_ns()) / 1e9)


def iso_from_micros(micros: Micros) -> str:
    """Write microseconds since the epoch as a `Moment`, to the microsecond."""
    return _written(micros, "microseconds")


def iso_from_ms(ms: Millis) -> str:
    """Write milliseconds since the epoch as a `Moment`, to the millisecond."""
    return _written(millis_to_micros(ms), "milliseconds")


def _written(micros: Micros, to: str) -> str:
    """Write a moment; one beyond the years that RFC 3339 can name becomes the nearest it can."""
    moment = EPOCH + timedelta(microseconds=min(max(micros, FIRST), LAST))
    return f"{moment.replace(tzinfo=None).isoformat(timespec=to)}Z"


def ms_of(moment: datetime) -> Millis:
    """Return a moment with a zone in milliseconds since the epoch, 1 for any before that.

    Nothing that is kept is older, and a stream of the server's takes no time before it.
    """
    return Millis(max(1, (moment - EPOCH) // timedelta(milliseconds=1)))
