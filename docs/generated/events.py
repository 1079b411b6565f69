"""Events: read from the catalogue as the AsyncAPI description has it."""

import json
from collections.abc import Iterator, Mapping

from docs.generated.markdown import Json, fields, note, table


def page(messages: Mapping[str, Json]) -> Iterator[str]:
    """Yield the page's lines, from the messages of the AsyncAPI description."""
    yield "# Events"
    yield note("the event catalogue")
    yield """
Every type of event that the log may hold. [Read events](reading-events.md) explains how to get
them. The running service serves the same with JSON Schemas at `GET /v1/event-types` and
`/asyncapi.json`.

Each is a CloudEvent with the `data` described below. It also has `id` (the number in the log),
`epoch`, `type`, `source`, `time`, `subject` (the company's id, if it is about one) and `cause` (the
message, intent or person behind it).
"""
    families: dict[str, list[str]] = {}
    for name in messages:
        families.setdefault(name.partition(".")[0], []).append(name)
    rows = [(f"[{f}](#{f})", " ".join(f"`{n}`" for n in names)) for f, names in families.items()]
    yield from table(("About", "Types"), rows)
    for family, names in families.items():
        yield f"## {family}\n"
        for name in names:
            message = messages[name]
            yield f"### {name}\n\n{message['summary']}\n"
            yield from fields(message["payload"]["properties"]["data"], linked=False)
            shown = message["examples"][0]["payload"]["data"]
            yield f"```json\n{json.dumps(shown, ensure_ascii=False)}\n```\n"
