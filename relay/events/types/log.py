"""Events in the place of events that are gone, and of a log that begins again."""

from typing import Literal

from relay.events.event_type import EventData, EventType


class Erased(EventData):
    """Nothing is left of this event but its number."""

    reason: Literal["forgotten", "retention"]
    """Its company was forgotten, or events of its type are kept no longer."""


class Unreadable(EventData):
    """What stands in the log under this number cannot be read: only so much of it can be told."""

    was: str | None
    """The type it was published as, where that can be read."""
    reason: str
    """What of it cannot be read."""


class Reset(EventData):
    """The log lost its newest events, or may have, and their numbers are given again."""

    previous: str
    """The former epoch: numbers that are known of it may stand for other events now."""
    current: str
    """The epoch that begins: with the number it names an event."""
    reason: Literal["fail-over", "loss"]
    """A replica took over, which may have lacked the latest; or what had been read was gone."""


EVENT_TYPES = (
    EventType(
        "event.erased",
        "In the place of an event that was dropped from the log's midst, so no number is missing.",
        Erased,
        {"reason": "forgotten"},
    ),
    EventType(
        "event.unreadable",
        "In the place of an event whose entry is damaged, so no number is missing.",
        Unreadable,
        {"was": "connection.status_changed", "reason": "`data` is no JSON object"},
    ),
    EventType(
        "log.reset",
        "First in a new epoch of the log: the server lost its newest events, or may have.",
        Reset,
        {"previous": "5f2c61d0", "current": "91ab03fe", "reason": "fail-over"},
    ),
)
