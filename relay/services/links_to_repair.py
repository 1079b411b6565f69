"""Find the companies whose link an operator must repair: broken connections, and other names."""

from collections.abc import Iterator
from dataclasses import dataclass

from relay.companies.company import BROKEN, Company, Connection
from relay.companies.identity import Identity, differs_by_books, identity_of
from relay.store import Store

PAGE = 500
SCAN_LIMIT = 5000  # companies looked at for one list
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class LinkToRepair:
    """A company: which connections are broken, and who its books name now if that is another."""

    company: Company
    broken: tuple[Connection, ...]
    expected: Identity | None = None
    found: Identity | None = None
    differs_by_books: bool = False  # nothing else tells the two apart


@dataclass(frozen=True, slots=True)
class RepairList:
    """Some of them; `after` is where the next list begins, None on the last."""

    links: tuple[LinkToRepair, ...]
    after: str | None


def links_to_repair(store: Store, after: str = "") -> RepairList:
    """Return the companies whose link must be repaired, in the order of their ids."""
    links: list[LinkToRepair] = []
    for scanned, company in enumerate(_companies(store, after)):
        if scanned == SCAN_LIMIT or len(links) == MAX_SHOWN:
            return RepairList(tuple(links), after)
        after = company.id
        link = _link_of(company)
        if link.broken or link.found:
            links.append(link)
    return RepairList(tuple(links), None)


def _link_of(company: Company) -> LinkToRepair:
    if company.deleted:
        return LinkToRepair(company, ())
    broken = tuple(one for one in company.connections.values() if one.status in BROKEN)
    if company.identity_mismatch is None:
        return LinkToRepair(company, broken)
    before, found = identity_of(company.expected, ""), identity_of(company.info, "")
    return LinkToRepair(company, broken, before, found, differs_by_books(before, found))


def _companies(store: Store, after: str) -> Iterator[Company]:
    while True:
        page = store.companies.page(after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id
