"""What is told of keeping and dropping: a company was forgotten, events were dropped unread."""

from typing import Literal

from relay.catalogue.entry import Entry, Told


class Forgotten(Told):
    """All that was held of the company is gone, but this line."""

    by: str
    events: int
    """How many of its events lost all but their numbers."""
    messages: int


class Erased(Told):
    """Nothing is left of this event but its number."""

    reason: Literal["forgotten", "retention"]
    """Its company was forgotten, or events of its type are kept no longer."""


class Trimmed(Told):
    """Events were dropped that some readers had not read."""

    up_to: str
    """The last number of those dropped."""
    passed: list[str]
    """The subscriptions that had not read so far, and consumer groups as `group:<name>`."""


class LimitNeared(Told):
    """A reader will lose events that it has not read, unless it reads on."""

    reader: str
    """A subscription, or a consumer group as `group:<name>`."""
    cursor: str
    """Up to where it has read."""
    days: int
    """Within how many days what follows its cursor is dropped."""


ENTRIES = (
    Entry(
        "company.forgotten",
        "A person had the company's data erased.",
        Forgotten,
        {"by": "olga", "events": 12, "messages": 9},
    ),
    Entry(
        "event.erased",
        "In the place of an event that was dropped from the log's midst, so no number is missing.",
        Erased,
        {"reason": "forgotten"},
    ),
    Entry(
        "log.trimmed",
        "The log reached its hard limit and lost events that not every reader had read.",
        Trimmed,
        {"up_to": "100000", "passed": ["sub_1"]},
    ),
    Entry(
        "log.limit_neared",
        "Once a day for each reader that is so far behind that the hard limit will pass it soon.",
        LimitNeared,
        {"reader": "sub_1", "cursor": "100000", "days": 9},
    ),
)
