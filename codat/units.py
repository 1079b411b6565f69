"""Units of time as types, so that mypy refuses mix-ups; only this module converts.

Each stands for a moment (counted from 1970 in UTC) or for how long something takes. What is
computed from a time is a plain number until its unit is named again: `Millis(now + lease_ms)`.
"""

from typing import NewType

Seconds = NewType("Seconds", float)
Millis = NewType("Millis", int)
Micros = NewType("Micros", int)


def seconds_to_millis(seconds: Seconds) -> Millis:
    """Return the time in milliseconds, cut to whole ones."""
    return Millis(int(seconds * 1_000))


def seconds_to_micros(seconds: Seconds) -> Micros:
    """Return the time in microseconds, cut to whole ones."""
    return Micros(int(seconds * 1_000_000))


def millis_to_seconds(millis: Millis) -> Seconds:
    """Return the time in seconds with their fraction."""
    return Seconds(millis / 1_000)


def millis_to_whole_seconds(millis: Millis) -> Seconds:
    """Return the time in whole seconds, as an `int`: of a moment, the second that it lies in."""
    return Seconds(millis // 1_000)


def millis_to_micros(millis: Millis) -> Micros:
    """Return the time in microseconds."""
    return Micros(millis * 1_000)


def micros_to_seconds(micros: Micros) -> Seconds:
    """Return the time in seconds with their fraction."""
    return Seconds(micros / 1_000_000)


def micros_to_millis(micros: Micros) -> Millis:
    """Return the time in milliseconds: of a moment, the millisecond that it lies in."""
    return Millis(micros // 1_000)
