"""Writes into the customer's books: logged, with nothing kept of the company."""

from codat.webhook import Event
from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Push(EventData):
    """One push operation."""

    data_type: str | None
    push_operation_key: str | None
    connection_id: str | None
    action: str | None = None
    status: str | None


EXAMPLE = {
    "data_type": "invoices",
    "push_operation_key": "d5dd0ffd-eb78-4ef4-8d0a-bb4b5ba0f2a4",
    "connection_id": "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd",
    "action": "Create",
    "status": "Success",
}
EVENT_TYPES = (
    EventType("push.completed", "A record was written to the platform.", Push, EXAMPLE),
    EventType(
        "push.failed", "A record could not be written.", Push, {**EXAMPLE, "status": "Failed"}
    ),
    EventType(
        "push.progressed",
        "A write is still under way.",
        Push,
        {**EXAMPLE, "status": "Pending"},
    ),
)


@router.on("*.write.successful", "*.write.unsuccessful")
def write_ended(company: Company, event: Event) -> Outcome:
    """Log how a push operation ended."""
    return Outcome(company).log(
        "push.completed" if event.type.endswith(".successful") else "push.failed",
        data_type=event.type.partition(".")[0],
        push_operation_key=event.text("id"),
        connection_id=event.connection_id,
        action=event.text("type"),
        status=event.text("status"),
    )
