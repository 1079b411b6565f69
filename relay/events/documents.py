"""The catalogue as documents: JSON Schema per type, AsyncAPI, and webhooks for OpenAPI."""

from collections.abc import Mapping
from typing import Any

from relay.events.catalogue import event_types
from relay.events.event_type import EventType

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
EXAMPLE_COMPANY = "0498e921-9b53-4396-a412-4f2f5983b0a2"
EXAMPLE_SEQUENCE = "1042"
EXAMPLE_EPOCH = "5f2c61d0"
ABOUT = (
    "One log, numbered without a gap, in CloudEvents 1.0. Types and fields are added, never renamed"
    " or removed: ignore those you do not know. `id` and `sequence` are the number in the log. A"
    " fail-over can give numbers again, under another `epoch`: tell events apart by both."
    " Moments are RFC 3339 in UTC."
)


def data_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema of a type's `data`; further fields are allowed, as some may come."""
    schema = event_type.model.model_json_schema()
    schema.pop("additionalProperties", None)
    return schema


def event_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema of a whole event of this type, as it is read and delivered."""
    text = {"type": "string"}
    number = {"type": "string", "pattern": "^[0-9]+$"}
    properties: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": number | {"description": "The number in the log."},
        "source": text | {"description": "`/codat/<client>/companies/<id>`."},
        "type": {"const": event_type.type},
        "subject": text
        | {"minLength": 1, "description": "The company's id; absent when it is about none."},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "sequence": number | {"description": "The same number."},
        "epoch": text | {"description": "Of which log: another one once numbers are given again."},
        "cause": text | {"description": "The message, intent or person that caused it."},
        "data": data_schema(event_type),
    }
    return {
        "$schema": JSON_SCHEMA,
        "title": event_type.type,
        "description": event_type.when,
        "type": "object",
        "required": [name for name in properties if name != "subject"],
        "properties": properties,
    }


def example(event_type: EventType) -> dict[str, Any]:
    """Return an example of a whole event."""
    return {
        "specversion": "1.0",
        "id": EXAMPLE_SEQUENCE,
        "source": f"/codat/default/companies/{EXAMPLE_COMPANY}",
        "type": event_type.type,
        "subject": EXAMPLE_COMPANY,
        "time": "2026-01-05T08:00:00.000000Z",
        "datacontenttype": "application/json",
        "sequence": EXAMPLE_SEQUENCE,
        "epoch": EXAMPLE_EPOCH,
        "cause": "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj",
        "data": dict(event_type.example),
    }


def asyncapi(title: str, version: str, url: str) -> dict[str, Any]:
    """Describe the log and the webhooks out of it as AsyncAPI; `url` is the portal's address."""
    protocol, _, host = url.partition("://")
    messages = {name: _message(event_type) for name, event_type in event_types().items()}
    channels = {
        "log": ("/v1/events", "Read by cursor, with long poll."),
        "stream": ("/v1/events/stream", "Server-sent events."),
        "webhook": (None, "Posted to each subscription's address, signed (Standard Webhooks)."),
    }
    return {
        "asyncapi": ASYNCAPI,
        "info": {"title": title, "version": version, "description": ABOUT},
        "defaultContentType": "application/cloudevents+json",
        "servers": {"relay": {"host": host, "protocol": protocol}},
        "channels": {
            name: {
                "address": address,
                "description": about,
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in messages},
            }
            for name, (address, about) in channels.items()
        },
        "operations": {
            f"send-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in channels
        },
        "components": {"messages": messages},
    }


def webhooks() -> Mapping[str, Any]:
    """Describe, for OpenAPI 3.1, what is posted to subscribers."""
    return {name: {"post": _webhook(event_type)} for name, event_type in event_types().items()}


def _message(event_type: EventType) -> dict[str, Any]:
    return {
        "name": event_type.type,
        "summary": event_type.when,
        "contentType": "application/cloudevents+json",
        "payload": event_schema(event_type),
        "examples": [{"name": event_type.type, "payload": example(event_type)}],
    }


def _webhook(event_type: EventType) -> dict[str, Any]:
    content = {"schema": event_schema(event_type), "example": example(event_type)}
    return {
        "tags": ["Event types"],
        "summary": event_type.type,
        "description": event_type.when,
        "security": [],  # the signature proves where it comes from
        "operationId": f"told_{event_type.type.replace('.', '_')}",
        "requestBody": {"content": {"application/cloudevents+json": content}},
        "responses": {"2XX": {"description": "Taken; the next one may come."}},
    }
