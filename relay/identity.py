"""Who a linked company says it is, and whether that is who it was before: the one rule for it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any

from codat.records import CompanyInfo, sanitise_name

# "Ltd" and "Limited" are one company; so are the others of each pair.
SAME_WORDS = {"limited": "ltd", "company": "co", "incorporated": "inc", "and": "&"}
# What of Codat's company info tells one company from another.
FIELDS = ("registrationNumber", "companyName", "companyLegalName", "accountingPlatformRef")
_NOT_IN_NUMBERS = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one company from another, as its accounting software says it."""

    name: str = ""
    legal_name: str = ""
    registration_number: str = ""
    platform_name: str = ""

    @property
    def shown(self) -> str:
        """The name to show a person; empty when none is known."""
        return self.name or self.legal_name

    def mark(self, connection_id: str | None) -> str:
        """Give what stands for all that a page showed of it, over this connection."""
        told = "\x1f".join((*astuple(self), connection_id or ""))
        return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:16]


class Match(StrEnum):
    """How two identities compare."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"  # nothing that both of them say can be compared


def identity_of(info: Mapping[str, Any] | None, platform_name: str) -> Identity:
    """Read an identity out of Codat's company info, which may lack any of it."""
    known = CompanyInfo.from_json(info or {})
    return Identity(
        name=known.company_name or "",
        legal_name=known.company_legal_name or "",
        registration_number=known.registration_number or "",
        platform_name=platform_name,
    )


def compare(expected: Identity, found: Identity) -> Match:
    """Tell whether both are one company: by registration number, else by names, else by platform.

    A number decides alone, as companies change their names and platforms; a name in common is
    enough, as either of the two may be missing (Codat: company info). One platform serves many
    companies, so the same one proves nothing.
    """
    numbers = [_number(one.registration_number) for one in (expected, found)]
    if all(numbers):
        return Match.SAME if numbers[0] == numbers[1] else Match.OTHER
    before, after = _names(expected), _names(found)
    if before and after:
        return Match.SAME if before & after else Match.OTHER
    platforms = {expected.platform_name, found.platform_name}
    return Match.OTHER if len(platforms) == 2 and "" not in platforms else Match.UNKNOWN


def compare_infos(before: Mapping[str, Any], after: Mapping[str, Any]) -> Match:
    """Tell whether two of Codat's company infos speak of one company."""
    expected, found = (identity_of(one, _platform(one)) for one in (before, after))
    return compare(expected, found)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what tells two infos apart, by field: what both say, else what either does."""
    different = {
        name: {"previous": before.get(name), "current": after.get(name)}
        for name in FIELDS
        if before.get(name) != after.get(name)
    }
    said_by_both = {name: pair for name, pair in different.items() if all(pair.values())}
    return said_by_both or different


def known_by(info: Mapping[str, Any]) -> dict[str, Any]:
    """Give of an info what tells the company from others."""
    return {name: info[name] for name in FIELDS if info.get(name)}


def _platform(info: Mapping[str, Any]) -> str:
    return CompanyInfo.from_json(info).platform_ref or ""


def _number(text: str) -> str:
    return _NOT_IN_NUMBERS.sub("", text.upper()).lstrip("0")


def _names(identity: Identity) -> set[str]:
    found = {_plain(identity.name), _plain(identity.legal_name)}
    return found - {""}


def _plain(name: str) -> str:
    clean = sanitise_name(name) or name
    words = re.sub(r"[.,'!?-]", " ", clean.casefold()).split()
    return " ".join(SAME_WORDS.get(word, word) for word in words)
