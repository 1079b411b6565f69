"""Data that no read has renewed in time, and data that one has again."""

from dataclasses import replace

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.handlers.reads import learned
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Fresh(EventData):
    """The data of a schedule that says within how many hours it must be read."""

    data_type: str
    """Of a schedule for `all`, each data type that was read before is judged by itself."""


EVENT_TYPES = (
    EventType(
        "data.stale",
        "No read renewed the data within the hours that its schedule names.",
        Fresh,
        {"data_type": "invoices"},
        identity=("data_type",),
    ),
    EventType(
        "data.fresh",
        "A read renewed data that was stale.",
        Fresh,
        {"data_type": "invoices"},
        identity=("data_type",),
    ),
)


@router.on("relay.freshness_judged")
def judged(company: Company, action: Action) -> Outcome:
    """Log each data type that became stale, and each that is fresh again."""
    stale = tuple(action.payload["stale"])
    outcome = learned(Outcome(company), action.payload.get("reads", ()))
    outcome = outcome.with_company(replace(outcome.company, stale=stale))
    for data_type in stale:
        if data_type not in company.stale:
            outcome = outcome.log("data.stale", data_type=data_type)
    for data_type in company.stale:
        if data_type not in stale:
            outcome = outcome.log("data.fresh", data_type=data_type)
    return outcome
