"""Entries of the log as they lie in its stream: read whole, or as far as they can be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from codat.bodies import is_deep
from relay.events.catalogue import dated, dated_text
from relay.times import FIRST, LAST, Micros

Fields = Mapping[bytes, bytes]

UNREADABLE = "event.unreadable"
NOWHERE, UNKNOWN = "/codat/default", "unknown"  # source and cause where they cannot be read
_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_MAX_DIGITS = 40  # digits; far more than any moment has
# Lists and objects within each other. No event has as many; what reads JSON takes more than what
# writes it, so an entry beyond that could be read and not written.
_MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `data` is its text in JSON, `content` the same read.

    `fault` says what could not be read as it is, and is empty where all could.
    """

    sequence: int
    type: str
    source: str
    subject: str
    time: Micros  # one that a calendar has
    cause: str
    data: bytes
    content: Mapping[str, Any]
    fault: str = ""


def read_entry(sequence: int, fields: Fields) -> Entry:
    """Read one entry of the log, whatever it holds; never raises.

    A time that no calendar has becomes the nearest that one does. For any other fault an
    `event.unreadable` takes the entry's place, with what can still be read of it.
    """
    faults: list[str] = []
    kind = _text(fields, b"type", faults)
    if not faults and not _TYPE.fullmatch(kind):
        faults.append("`type` is no type of event")
        kind = ""
    source, subject, cause = (
        _text(fields, name, faults) for name in (b"source", b"subject", b"cause")
    )
    content = _content(fields, faults)
    time = _time(fields, faults)
    at = min(max(time, FIRST), LAST)
    if content is None or faults:
        fault = "; ".join(faults)
        shown = {"was": kind or None, "reason": fault}
        source, cause, data = source or NOWHERE, cause or UNKNOWN, orjson.dumps(shown)
        return Entry(sequence, UNREADABLE, source, subject, Micros(at), cause, data, shown, fault)
    fault = "" if at == time else "`time` is none that a calendar has"
    data, content = dated_text(kind, fields[b"data"]), dated(kind, content)
    if b"\n" in data or b"\r" in data:  # between its parts; the live stream would end there
        data = orjson.dumps(content)
    return Entry(sequence, kind, source, subject, Micros(at), cause, data, content, fault)


def _text(fields: Fields, name: bytes, faults: list[str]) -> str:
    try:
        return fields[name].decode()
    except KeyError:
        faults.append(f"`{name.decode()}` is missing")
    except UnicodeDecodeError:
        faults.append(f"`{name.decode()}` is not UTF-8")
    return ""


def _content(fields: Fields, faults: list[str]) -> Mapping[str, Any] | None:
    text = fields.get(b"data", b"")
    try:
        content = orjson.loads(text)
    except ValueError:
        content = None
    if isinstance(content, dict):
        if not is_deep(text, content, _MAX_DEPTH):
            return content
        faults.append("`data` is nested too deeply")
        return None
    faults.append("`data` is no JSON object" if b"data" in fields else "`data` is missing")
    return None


def _time(fields: Fields, faults: list[str]) -> int:
    text = fields.get(b"time", b"")
    try:
        if len(text) <= _MAX_DIGITS:
            return int(text)
    except ValueError:
        pass
    faults.append("`time` is no number" if text else "`time` is missing")
    return 0
