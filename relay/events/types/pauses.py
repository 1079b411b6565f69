"""What is told of pauses: what is held back, by whom and why, and that it is not any more."""

from relay.events.event_type import EventData, EventType
from relay.times import Moment

NUMBERS = {"ends": 1000}


class PauseTold(EventData):
    """One pause."""

    pause: str
    """Its id."""
    scope: str
    """`everything`, `platform`, `tag`, `company` or `data_type`."""
    value: str
    """Which of them; empty for everything."""
    owner: str
    reason: str
    ends: Moment | None = None
    """Null without an end."""


EXAMPLE = {
    "pause": "p-1",
    "scope": "platform",
    "value": "Xero",
    "owner": "operator",
    "reason": "migration",
    "ends": "2026-01-06T09:00:00.000Z",
}

EVENT_TYPES = tuple(
    EventType(event_type, when, PauseTold, EXAMPLE, epoch_times=NUMBERS)
    for event_type, when in (
        ("pause.set", "A pause was set that begins with its next window."),
        ("pause.started", "Syncs are held back from now on."),
        ("pause.ended", "A pause is off: what it held back falls due again."),
    )
)
