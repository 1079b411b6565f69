"""What is told of a company's schedules: given on link, changed, suspended while it cannot sync."""

from relay.events.event_type import EventData, EventType


class ScheduleTold(EventData):
    """One schedule, and what became of it."""

    data_type: str
    """`all`, or one of Codat's data types."""
    cadence: str
    origin: str
    """`policy`, or `person` for one that someone set."""
    reason: str | None
    """Why it is suspended."""


GIVEN = {"data_type": "all", "cadence": "daily", "origin": "policy", "reason": None}
SUSPENDED = GIVEN | {"reason": "the company is Deauthorised"}

EVENT_TYPES = (
    EventType(
        "schedule.given",
        "A company has a new one: by the policy, as on link, or by a person.",
        ScheduleTold,
        GIVEN,
        identity=("data_type",),
    ),
    EventType(
        "schedule.changed",
        "It was changed, by a person or the policy.",
        ScheduleTold,
        GIVEN,
        identity=("data_type",),
    ),
    EventType(
        "schedule.suspended",
        "The company cannot sync for now.",
        ScheduleTold,
        SUSPENDED,
        identity=("data_type",),
    ),
    EventType(
        "schedule.resumed",
        "The company can sync again.",
        ScheduleTold,
        GIVEN,
        identity=("data_type",),
    ),
    EventType(
        "schedule.removed",
        "A person removed it, or the policy no longer gives it.",
        ScheduleTold,
        GIVEN,
        identity=("data_type",),
    ),
)
