"""What became of a company's schedules, and which periods passed without a run."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from relay.syncs import missed
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


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


@router.on("relay.schedules_changed")
def schedules_changed(company: Company, action: Action) -> Outcome:
    """Log each schedule that was given, changed, suspended, resumed or removed."""
    outcome = Outcome(company)
    for told in action.payload["schedules"]:
        outcome = outcome.log(
            f"schedule.{told['change']}",
            data_type=told["data_type"],
            cadence=told["cadence"],
            origin=told["origin"],
            reason=told["reason"],
        )
        # Earlier versions named the periods that passed in a suspension, and nothing else.
        before = {"periods": told.get("missed", ()), "reason": told.get("was")}
        for passed in (before, *told.get("passed", ())):
            for one in missed.event_data(told["data_type"], passed):
                outcome = outcome.log("sync.missed", **one)
    return outcome
