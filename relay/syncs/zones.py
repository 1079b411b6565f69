"""Time zones as they are installed with us: a host's own may be older, and differ between hosts."""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Names in lists of zones that stand for none, or for whatever a host is set to.
NO_PLACE = frozenset({"Factory", "localtime", "posixrules"})


@cache
def names() -> frozenset[str]:
    """Return the names that mean the same on every host."""
    text = (resources.files("tzdata") / "zones").read_text(encoding="utf-8")
    return frozenset(text.split()) - NO_PLACE


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone of this name; raises ZoneInfoNotFoundError.

    `ZoneInfo(name)` would take the host's data first, and PYTHONTZPATH before all.
    """
    if name not in names():
        raise ZoneInfoNotFoundError(f"No time zone found with key {name}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
