"""Events of a company as a whole: it is first seen, or its status changes."""

from relay.events.event_type import EventData, EventType


class Created(EventData):
    """A company we had not heard of."""

    name: str
    """Its name at Codat, empty when not known yet."""
    status: str
    """`Blank`, `PendingAuth`, `Linked`, `Unlinked`, `Deauthorised` or `Deleted`."""


class StatusChanged(EventData):
    """The company's status as a whole, derived from its connections."""

    previous: str
    current: str
    needs_attention: bool
    """It is linked, and a connection besides is broken."""


EVENT_TYPES = (
    EventType(
        "company.created",
        "The first time anything is heard of a company.",
        Created,
        {"name": "Session 20260105", "status": "Blank"},
    ),
    EventType(
        "company.status_changed",
        "A connection's change makes the company as a whole linked, unlinked and so on.",
        StatusChanged,
        {"previous": "PendingAuth", "current": "Linked", "needs_attention": False},
    ),
)
