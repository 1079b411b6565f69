"""What events of a journey have in common, and the one that the fold logs: the link is made."""

from typing import Any

from relay.events.event_type import EventData, EventType


class JourneyTold(EventData):
    """One step of a journey."""

    journey: str
    """Its id, as at `/v1/journeys`."""
    attempt: int | None = None
    """Rises when the company was the wrong one."""
    platform_key: str | None = None
    platform_name: str | None = None


class OverConnection(JourneyTold):
    """A step over one connection."""

    connection_id: str
    already: bool = False
    """Whether it was linked before."""


ON: dict[str, Any] = {
    "journey": "01a2062c15d87aba038ebf",
    "attempt": 1,
    "platform_key": "gbol",
    "platform_name": "Xero",
}
OVER = ON | {"connection_id": "2e2eb431-c1fa-4dc9-93fa-d29781c12bcd"}
EVENT_TYPES = (
    EventType(
        "journey.linked",
        "Codat told that the link was made, or it had been made before.",
        OverConnection,
        OVER,
        identity=("connection_id",),
    ),
)
