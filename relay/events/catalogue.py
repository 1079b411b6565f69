"""The catalogue: every type of event, found by looking, and what is checked and read by it.

A type that a handler logs is declared in the handler's file; the fold's and the store's own are in
`relay/events/types/`. Handlers are above this package, so they are imported by name, and only when
the catalogue is first asked for: a new handler then needs no entry in any list.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import orjson
from pydantic import ValidationError

from codat.times import utc_text
from relay.events.event_type import EventType
from relay.times import Millis, iso_from_ms

DATED = ("date", "time", "utc")


PLACES = ("relay.events.types", "workers.inbox.handlers")


class NotInCatalogue(Exception):
    """An event has a type that the catalogue lacks, or data that do not fit it."""


@cache
def event_types() -> Mapping[str, EventType]:
    """Return every type of event by its name, in the order of the names."""
    found: dict[str, EventType] = {}
    for one in _declared():
        if one.type in found:
            raise ValueError(f"{one.type} is declared twice")
        found[one.type] = one
    return dict(sorted(found.items()))


def _declared() -> Iterator[EventType]:
    for place in PLACES:
        for module in pkgutil.iter_modules(importlib.import_module(place).__path__):
            found = importlib.import_module(f"{place}.{module.name}")
            yield from getattr(found, "EVENT_TYPES", ())


def check(event_type: str, data: Mapping[str, Any]) -> None:
    """Raise NotInCatalogue unless the catalogue allows such an event."""
    found = event_types().get(event_type)
    if found is None:
        raise NotInCatalogue(f"{event_type} is in no `EVENT_TYPES`")
    try:
        found.model.model_validate(data, strict=True)
    except ValidationError as error:
        raise NotInCatalogue(f"{event_type}: {error}") from None


def dated(event_type: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event's data with each moment that is held as a number written out."""
    found = {
        name: iso_from_ms(Millis(int(data[name]) * unit))
        for name, unit in _epoch_times().get(event_type, {}).items()
        # A large one is read as a float; times the unit it may be beyond any.
        if isinstance(data.get(name), int | float) and not isinstance(data[name], bool)
    }
    for name in _codat_fields().get(event_type, ()):
        found |= {name: _in_utc(data[name])} if name in data else {}
    return {**data, **found} if found else data


def dated_text(event_type: str, data: bytes) -> bytes:
    """Return the JSON text of an event's data as `dated` has it."""
    if event_type not in _epoch_times() and event_type not in _codat_fields():
        return data
    return orjson.dumps(dated(event_type, orjson.loads(data)))


def _in_utc(found: Any) -> Any:
    """Return what Codat gave with each date-time in RFC 3339.

    One without a zone is in UTC (Codat: schema DateTime). Other texts stay as they are, a name too
    that reads like a date: the names of fields that hold dates end in one of `DATED`.
    """
    if isinstance(found, list):
        return [_in_utc(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: utc_text(value)
        if isinstance(value, str) and name.lower().endswith(DATED)
        else _in_utc(value)
        for name, value in found.items()
    }


@cache
def _codat_fields() -> Mapping[str, tuple[str, ...]]:
    return {one.type: one.codat_fields for one in event_types().values() if one.codat_fields}


@cache
def _epoch_times() -> Mapping[str, Mapping[str, int]]:
    return {one.type: one.epoch_times for one in event_types().values() if one.epoch_times}


def identity(event_type: str, data: Mapping[str, Any]) -> str:
    """Return what tells an event from others of one message: no message causes the same twice."""
    found = event_types().get(event_type)
    fields = found.identity if found else ()
    return orjson.dumps([event_type, *(data.get(name) for name in fields)]).decode()
