"""All entries together: found by type, and held against what is about to be told."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from pydantic import ValidationError

from codat.times import utc_text
from relay.events.event_type import EventType
from relay.times import iso_from_ms

DATED = ("date", "time", "utc")


class NotInCatalogue(Exception):
    """An event has a type that the catalogue lacks, or data that do not fit it."""


@cache
def event_types() -> Mapping[str, EventType]:
    """Give every entry by its type, in the order of the types."""
    package = importlib.import_module("relay.events.types")
    found: dict[str, EventType] = {}
    for module in pkgutil.iter_modules(package.__path__):
        for entry in importlib.import_module(f"relay.events.types.{module.name}").EVENT_TYPES:
            if entry.type in found:
                raise ValueError(f"{entry.type} stands in the catalogue twice")
            found[entry.type] = entry
    return dict(sorted(found.items()))


def check(event_type: str, data: Mapping[str, Any]) -> None:
    """Raise NotInCatalogue unless such an event may be told."""
    entry = event_types().get(event_type)
    if entry is None:
        raise NotInCatalogue(f"{event_type} is in no file of relay/events/types/")
    try:
        entry.model.model_validate(data, strict=True)
    except ValidationError as error:
        raise NotInCatalogue(f"{event_type}: {error}") from None


def dated(event_type: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event's data with each moment that is held as a number written out."""
    found = {
        name: iso_from_ms(int(data[name]) * unit)
        for name, unit in _numbers().get(event_type, {}).items()
        # A large one is read as a float; times the unit it may be beyond any.
        if isinstance(data.get(name), int | float) and not isinstance(data[name], bool)
    }
    for name in _codats().get(event_type, ()):
        found |= {name: _in_utc(data[name])} if name in data else {}
    return {**data, **found} if found else data


def dated_text(event_type: str, data: bytes) -> bytes:
    """Return the JSON text of an event's data as `dated` has it."""
    if event_type not in _numbers() and event_type not in _codats():
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
def _codats() -> Mapping[str, tuple[str, ...]]:
    return {
        entry.type: entry.codat_fields for entry in event_types().values() if entry.codat_fields
    }


@cache
def _numbers() -> Mapping[str, Mapping[str, int]]:
    return {entry.type: entry.epoch_times for entry in event_types().values() if entry.epoch_times}


def identity(event_type: str, data: Mapping[str, Any]) -> str:
    """Give what an event is among those its message causes: no message causes the same twice."""
    entry = event_types().get(event_type)
    apart = entry.identity if entry else ()
    return orjson.dumps([event_type, *(data.get(name) for name in apart)]).decode()
