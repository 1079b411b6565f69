"""Time zones from our own installed data: a host's data may be older, and hosts may differ."""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Names that are no zone, or that mean whatever the host is set to.
NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})


@cache
def names() -> frozenset[str]:
    """Return the names that mean the same on every host."""
    text = (resources.files("tzdata") / "zones").read_text(encoding="utf-8")
    return frozenset(text.split()) - NOT_ZONES


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone of this name; raises ZoneInfoNotFoundError.

    `ZoneInfo(name)` would prefer the host's data, and PYTHONTZPATH before it.
    """
    if name not in names():
        raise ZoneInfoNotFoundError(f"No time zone found with key {name}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
