"""A company was forgotten, or a reader lost events that it had not read, or soon will."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Forgotten(EventData):
    """All that was held of the company is gone, but this line."""

    by: str
    events: int
    """How many of its events lost all but their numbers."""
    messages: int


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


EVENT_TYPES = (
    EventType(
        "company.forgotten",
        "A person had the company's data erased.",
        Forgotten,
        {"by": "olga", "events": 12, "messages": 9},
    ),
    EventType(
        "log.trimmed",
        "The log reached its hard limit and lost events that not every reader had read.",
        Trimmed,
        {"up_to": "100000", "passed": ["sub_1"]},
    ),
    EventType(
        "log.limit_neared",
        "Once a day for each reader that is so far behind that the hard limit will pass it soon.",
        LimitNeared,
        {"reader": "sub_1", "cursor": "100000", "days": 9},
    ),
)


@router.on("relay.company_forgotten")
def forgotten(company: Company, action: Action) -> Outcome:
    """Log the one event that stays of the company."""
    return Outcome(company).log("company.forgotten", **action.payload)


@router.on("relay.log_trimmed")
def trimmed(company: Company, action: Action) -> Outcome:
    """Log which readers lost events."""
    return Outcome(company).log("log.trimmed", **action.payload)


@router.on("relay.log_limit_neared")
def neared(company: Company, action: Action) -> Outcome:
    """Log which reader will lose events unless it reads on."""
    return Outcome(company).log("log.limit_neared", **action.payload)
