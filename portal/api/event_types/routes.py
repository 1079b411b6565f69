"""The catalogue of event types: what may stand in the log, each with its schema and an example."""

from typing import Annotated, Any

from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from relay.events import catalogue, event_type
from relay.events.documents import event_schema, example
from relay.nearest import hint

api = group(
    "event_types",
    __name__,
    Tag(name="Event types", description="What may stand in the log, and is posted to subscribers."),
)


class EventTypePath(BaseModel):
    """Which type."""

    event_type: Annotated[str, Field(max_length=100)]


class EventType(BaseModel):
    """One type of event; `schema` is that of the whole event, as JSON Schema."""

    type: str
    version: int
    when: str
    example: dict[str, Any]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class EventTypes(BaseModel):
    """Every type there is. Types and fields are added, never renamed or removed."""

    event_types: list[EventType]


@api.get("/event-types", responses={200: EventTypes})
def list_event_types() -> Reply:
    """List every type of event that the log may hold."""
    return {"event_types": [_shape(entry) for entry in catalogue.event_types().values()]}


@api.get("/event-types/<event_type>", responses={200: EventType, **described("not-found")})
def get_event_type(path: EventTypePath) -> Reply:
    """Return one type of event."""
    entry = catalogue.event_types().get(path.event_type)
    if entry is None:
        near = hint(path.event_type, catalogue.event_types())
        raise Refusal("not-found", f"Look at /v1/event-types for the types there are{near}.")
    return _shape(entry)


def _shape(entry: event_type.EventType) -> dict[str, Any]:
    return {
        "type": entry.type,
        "version": entry.version,
        "when": entry.when,
        "example": example(entry),
        "schema": event_schema(entry),
    }
