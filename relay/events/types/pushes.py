"""What is told of push operations: how writing a record to the customer's platform went."""

from relay.events.event_type import EventData, EventType


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
