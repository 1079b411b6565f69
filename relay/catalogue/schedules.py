"""What is told of a company's schedules: given on link, changed, suspended while it cannot sync."""

from relay.catalogue.entry import Entry, Told


class ScheduleTold(Told):
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

ENTRIES = (
    Entry("schedule.given", "A company linked, and the policy gives it one.", ScheduleTold, GIVEN),
    Entry("schedule.changed", "It was changed, by a person or the policy.", ScheduleTold, GIVEN),
    Entry("schedule.suspended", "The company cannot sync for now.", ScheduleTold, SUSPENDED),
    Entry("schedule.resumed", "The company can sync again.", ScheduleTold, GIVEN),
    Entry("schedule.removed", "The policy no longer gives it.", ScheduleTold, GIVEN),
)
