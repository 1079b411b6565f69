"""When a schedule runs next, in words: the time, or why there is none."""

from collections.abc import Mapping
from typing import Any

OFF = "off"


def next_in_words(row: Mapping[str, Any]) -> str | None:
    """Return when a schedule of the API's runs next, or what keeps it from running."""
    if row["suspended"] or row["off"]:
        return row["suspended"] or OFF
    return paused_in_words(row) or row["next_due"]


def paused_in_words(row: Mapping[str, Any]) -> str | None:
    """Return the pause that holds a schedule back, such as `paused until ...`, or None."""
    pause = row["paused"]
    if not pause:
        return None
    until = f"until {pause['until']}" if pause["until"] else "until it is ended"
    what = f"{pause['scope'].replace('_', ' ')} {pause['value']}".strip()
    return f"paused {until} by {pause['pause']} ({what}: {pause['reason']})"
