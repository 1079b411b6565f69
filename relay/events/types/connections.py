"""Events of a connection: its status changes."""

from relay.events.event_type import EventData, EventType


class StatusChanged(EventData):
    """A connection's status, in Codat's words, or `deleted`."""

    connection_id: str
    platform_key: str
    platform_name: str
    source_type: str
    previous: str | None
    """None when the connection is new."""
    current: str
    errors: list[str]


ID = "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd"
EVENT_TYPES = (
    EventType(
        "connection.status_changed",
        "A connection was made, authorised, refused, unlinked or deleted.",
        StatusChanged,
        {
            "connection_id": ID,
            "platform_key": "gbol",
            "platform_name": "Xero",
            "source_type": "Accounting",
            "previous": "PendingAuth",
            "current": "Linked",
            "errors": [],
        },
        identity=("connection_id",),
    ),
)
