"""Events of webhooks that changed nothing."""

from relay.events.event_type import EventData, EventType


class Stale(EventData):
    """A webhook that changed nothing, because something newer is known."""

    event_type: str
    event_id: str | None


class UnknownType(EventData):
    """A webhook of a type that no handler takes; the message is kept."""

    event_type: str


EVENT_TYPES = (
    EventType(
        "webhook.stale",
        "A webhook came late: what it tells is older than what is known.",
        Stale,
        {"event_type": "connection.connected", "event_id": "743ec94a-8aa4-44bb-8bd4-e1855ee0e74b"},
    ),
    EventType(
        "webhook.unknown_type",
        "A webhook of a type nobody here knows came in.",
        UnknownType,
        {"event_type": "thing.happened"},
    ),
)
