"""What an invitation may ask for: where a customer is sent back to, and which platforms."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from codat.records import Integration
from relay.nearest import hint, nearest

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def may_return(url: str, *, allow_loopback: bool) -> bool:
    """Return whether a customer may be sent to this address: https, or http on this machine."""
    try:
        given = urlsplit(url)
        _ = given.port
    except ValueError:
        return False
    if any(ord(letter) <= 32 for letter in url) or given.username or not given.hostname:
        return False
    is_local = allow_loopback and given.hostname in LOOPBACK
    return given.scheme == "https" or (given.scheme == "http" and is_local)


def offer_fault(
    keys: Sequence[str], source_types: Sequence[str], enabled: Sequence[Integration]
) -> tuple[str, str] | None:
    """Return the field and the reason why platforms and types offer nothing, or lack one named.

    `enabled` are the platforms that are enabled at Codat; empty while they are not known.
    """
    by_key = {one.key.casefold(): one for one in enabled}
    missing = [key for key in keys if key.casefold() not in by_key]
    if missing:
        near = nearest(missing[0], [word for one in enabled for word in (one.key, one.name)])
        found = [f"{one.key} ({one.name})" for one in enabled if near in (one.key, one.name)]
        more = f"; the nearest key that is known is {found[0]}" if found else ""
        return "platforms", f"are not enabled at Codat: {', '.join(missing)}{more}"
    if not source_types:
        return None
    types = {one.source_type or "" for one in enabled}
    wanted = {one.casefold() for one in source_types}
    unknown = wanted - {one.casefold() for one in types}
    if types and unknown:
        near_type = hint(min(unknown), sorted(types - {""}))
        reason = f"no enabled platform is of type {', '.join(sorted(unknown))}{near_type}"
        return "source_types", reason
    others = [key for key in keys if _type_of(by_key[key.casefold()]) not in wanted]
    if others:
        return "platforms", f"are of none of the `source_types`: {', '.join(others)}"
    return None


def _type_of(integration: Integration) -> str:
    return (integration.source_type or "").casefold()
