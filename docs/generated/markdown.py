"""Pieces of Markdown that the generated pages share: notes, tables, types in words."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def text(lines: Iterable[str]) -> str:
    """Return a page's text, with one empty line at most between two others."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def note(source: str) -> str:
    """Return the line that says from what a page was made."""
    return f"<!-- Written by `make docs` from {source}. Do not edit by hand. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def anchor(heading: str) -> str:
    """Return a heading as the end of a link to it."""
    return heading.lower().replace(" ", "-")


def fields(schema: Json, *, linked: bool) -> Iterator[str]:
    """Yield the table of an object's fields; `linked` if its types have headings of their own."""
    required = schema.get("required", ())
    rows = [
        (
            f"`{name}`" + ("" if name in required else " (optional)"),
            type_of(one, linked=linked) + default_of(one),
            one.get("description", ""),
        )
        for name, one in schema.get("properties", {}).items()
    ]
    if rows:
        yield from table(("Field", "Type", "Meaning"), rows)


def default_of(schema: Json) -> str:
    """Return what counts where a value is not given, as an addition to its type."""
    value = schema.get("default")
    return "" if value in (None, [], {}, "") else f", else `{json.dumps(value)}`"


def type_of(schema: Json, *, linked: bool = True) -> str:
    """Return a type in words; with `linked`, one that has a name links to its fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()}-object)" if linked else name
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(type_of(one, linked=linked) for one in schema[key])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}), linked=linked)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'], linked=linked)}"
    if kind == "string" and schema.get("format") == "date-time":
        return "date-time"
    return str(kind)
