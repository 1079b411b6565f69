"""Who a linked company says it is, and whether that is who it was before: the one rule for it."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any

from codat.records import CompanyInfo, loses_letters, sanitise_name

# "Ltd" and "Limited" are one company; so are the others of each pair.
SAME_WORDS = {"limited": "ltd", "company": "co", "incorporated": "inc", "and": "&"}
# The fields of Codat's company info that identify a company.
BOOKS = "accountingPlatformRef"  # Codat: the company's id in its accounting software
FIELDS = ("registrationNumber", "companyName", "companyLegalName", BOOKS)
_NOT_IN_NUMBERS = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a company, as its accounting software has it."""

    name: str = ""
    legal_name: str = ""
    registration_number: str = ""
    platform_name: str = ""
    books: str = ""  # which books these are, in the words of the software that keeps them

    @property
    def shown(self) -> str:
        """The name to show a person; empty when none is known."""
        return self.name or self.legal_name

    def mark(self, connection_id: str | None) -> str:
        """Return a digest of all that a page showed of it, over this connection."""
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
        books=known.platform_ref or "",
    )


def mark_of(info: Mapping[str, Any] | None) -> str:
    """Return a digest of the company that an info names, by whatever connection."""
    return identity_of(info, "").mark(None)


def compare(expected: Identity, found: Identity) -> Match:
    """Report whether both are one company: by registration number, else by names, else by books.

    A number decides alone, as companies change their names and their software; so does a legal
    name that both say, as many trade under one name. Where either lacks it (Codat: company info),
    a name in common is enough in the same books, but not in others: anyone may keep books under
    that name.
    """
    numbers = [_number(one.registration_number) for one in (expected, found)]
    if all(numbers):
        return Match.SAME if numbers[0] == numbers[1] else Match.OTHER
    legal = [_plain(one.legal_name) for one in (expected, found)]
    if all(legal):
        return Match.SAME if legal[0] == legal[1] else Match.OTHER
    before, after = _names(expected), _names(found)
    if before and after and not before & after:
        return Match.OTHER
    if all(one.books for one in (expected, found)) and expected.books != found.books:
        return Match.OTHER
    return Match.SAME if before and after else Match.UNKNOWN


def compare_infos(before: Mapping[str, Any], after: Mapping[str, Any]) -> Match:
    """Report whether two of Codat's company infos speak of one company."""
    return compare(identity_of(before, ""), identity_of(after, ""))


def differs_by_books(one: Identity, other: Identity) -> bool:
    """Report whether two look alike to a person, by name and number, but keep other books."""
    alike = one.shown == other.shown and one.registration_number == other.registration_number
    return alike and one.books != other.books


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return where two infos differ, by field: what both say, else what either does."""
    different = {
        name: {"previous": before.get(name), "current": after.get(name)}
        for name in FIELDS
        if before.get(name) != after.get(name)
    }
    said_by_both = {name: pair for name, pair in different.items() if all(pair.values())}
    return said_by_both or different


def is_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Report whether two infos come from different books, as far as both say which they are."""
    books = [identity_of(one, "").books for one in (before, after)]
    return all(books) and books[0] != books[1]


def known_by(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an info that identifies the company."""
    return {name: info[name] for name in FIELDS if info.get(name)}


def _number(text: str) -> str:
    """Return what counts of a registration number; what has no digit, such as "N/A", is none."""
    plain = _NOT_IN_NUMBERS.sub("", text.upper()).lstrip("0")
    return plain if any(letter.isdigit() for letter in plain) else ""


def _names(identity: Identity) -> set[str]:
    found = {_plain(identity.name), _plain(identity.legal_name)}
    return found - {""}


def _plain(name: str) -> str:
    """Return a name as names are compared: in any script, without accents and case."""
    clean = name if loses_letters(name) else sanitise_name(name)
    folded = unicodedata.normalize("NFKC", clean).casefold()
    words = "".join(map(_letter_or_space, folded)).split()
    return " ".join(SAME_WORDS.get(word, word) for word in words)


def _letter_or_space(letter: str) -> str:
    return " " if letter != "&" and unicodedata.category(letter)[0] in "PSZC" else letter
