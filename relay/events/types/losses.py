"""What is told of keeping and losing: a company was forgotten, events were dropped or lost."""

from typing import Literal

from relay.events.event_type import EventData, EventType


class Forgotten(EventData):
    """All that was held of the company is gone, but this line."""

    by: str
    events: int
    """How many of its events lost all but their numbers."""
    messages: int


class Erased(EventData):
    """Nothing is left of this event but its number."""

    reason: Literal["forgotten", "retention"]
    """Its company was forgotten, or events of its type are kept no longer."""


class Unreadable(EventData):
    """What stands in the log under this number cannot be read: only so much of it can be told."""

    was: str | None
    """The type it was told as, where that can be read."""
    reason: str
    """What of it cannot be read."""


class Trimmed(EventData):
    """Events were dropped that some readers had not read."""

    up_to: str
    """The last number of those dropped."""
    passed: list[str]
    """The subscriptions that had not read so far, and consumer groups as `group:<name>`."""


class LimitNeared(EventData):
    """A reader will lose events that it has not read, unless it reads on."""

    reader: str
    """A subscription, or a consumer group as `group:<name>`."""
    cursor: str
    """Up to where it has read."""
    days: int
    """Within how many days what follows its cursor is dropped."""


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
        "company.forgotten",
        "A person had the company's data erased.",
        Forgotten,
        {"by": "olga", "events": 12, "messages": 9},
    ),
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
        "log.trimmed",
        "The log reached its hard limit and lost events that not every reader had read.",
        Trimmed,
        {"up_to": "100000", "passed": ["sub_1"]},
    ),
    EventType(
        "log.reset",
        "First in a new epoch of the log: the server lost its newest events, or may have.",
        Reset,
        {"previous": "5f2c61d0", "current": "91ab03fe", "reason": "fail-over"},
    ),
    EventType(
        "log.limit_neared",
        "Once a day for each reader that is so far behind that the hard limit will pass it soon.",
        LimitNeared,
        {"reader": "sub_1", "cursor": "100000", "days": 9},
    ),
)
