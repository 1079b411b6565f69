"""What is told of keeping and dropping: a company was forgotten, events were dropped unread."""

from relay.catalogue.entry import Entry, Told


class Forgotten(Told):
    """All that was held of the company is gone, but this line."""

    by: str
    events: int
    """How many of its events lost all but their numbers."""
    messages: int


class Erased(Told):
    """Nothing is left of this event but its number."""


class Trimmed(Told):
    """Events were dropped that some subscriptions had not read."""

    up_to: str
    """The last number that is no longer kept."""
    passed: list[str]
    """The subscriptions that had not read so far; each is paused with that reason."""


ENTRIES = (
    Entry(
        "company.forgotten",
        "A person had the company's data erased.",
        Forgotten,
        {"by": "olga", "events": 12, "messages": 9},
    ),
    Entry(
        "event.erased",
        "In the place of an event of a company that was forgotten, so that no number is missing.",
        Erased,
        {},
    ),
    Entry(
        "log.trimmed",
        "The log reached its hard limit and lost events that not every subscription had read.",
        Trimmed,
        {"up_to": "100000", "passed": ["sub_1"]},
    ),
)
