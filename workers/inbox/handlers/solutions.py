"""Events of Codat's solutions (bank feeds, expenses, reports): logged as they are."""

from typing import Any

from codat.webhook import Event
from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Solution(EventData):
    """An event of one of Codat's solutions (bank feeds, expenses, reports), told on as it is.

    Its date-times are in UTC.
    """

    reported: str
    """Codat's type."""
    details: dict[str, Any]


EVENT_TYPES = (
    EventType(
        "solution.reported",
        "One of Codat's solutions reported something.",
        Solution,
        {"reported": "expenses.sync.successful", "details": {"syncId": "s-1"}},
        codat_fields=("details",),
    ),
)

MAX_ENTRIES = 50  # of a list that are logged; the message itself keeps them all


@router.on(
    "bankFeeds.*",
    "expenses.*",
    "report.*",
    "reports.*",
    "AccountCategoriesUpdated",
    "SyncCompleted",
    "SyncFailed",
    "SyncConnectionDeleted",
)
def solution_event(company: Company, event: Event) -> Outcome:
    """Log what a solution reported, without the company's own record in it."""
    details = {
        name: value[:MAX_ENTRIES] if isinstance(value, list) else value
        for name, value in event.payload.items()
        if name != "referenceCompany"
    }
    return Outcome(company).log("solution.reported", reported=event.type, details=details)
