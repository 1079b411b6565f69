"""Companies whose link needs somebody: connections that broke, and other names to judge."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from portal.api.companies import routes
from portal.api.journeys import inviting
from portal.api.journeys.inviting import JourneyBody
from portal.api.journeys.schemas import JourneyCreated
from portal.http.idempotency import Attempt
from portal.services import services
from relay.companies.company import BROKEN, Company, Connection
from relay.companies.identity import Identity, differs_by_books, identity_of
from relay.times import now_ms

PAGE = 500
MOST_SCANNED = 5000  # companies looked at for one page
MOST_SHOWN = 50
KEY = re.compile("[0-9a-f]{22}")
KEY_LASTS_MS = 24 * 3_600_000
SKEW_MS = 60_000  # by which the clock of another host may be ahead


@dataclass(frozen=True, slots=True)
class Row:
    """One company: what is broken, and whom it is taken for by now, if that is another."""

    company: Company
    broken: tuple[Connection, ...]
    expected: Identity | None = None
    found: Identity | None = None
    by_books: bool = False  # nothing else tells the two apart


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of them; `after` is where the next begins, None on the last."""

    rows: tuple[Row, ...]
    after: str | None


def listed(after: str = "") -> Listed:
    """Look for companies that need somebody, in the order of their ids."""
    found: list[Row] = []
    for scanned, company in enumerate(_companies(after)):
        if scanned == MOST_SCANNED or len(found) == MOST_SHOWN:
            return Listed(tuple(found), after)
        after = company.id
        row = _row(company)
        if row.broken or row.found:
            found.append(row)
    return Listed(tuple(found), None)


def new_key() -> str:
    """Give a key for one form, which makes one link however often it is sent: a journey's id."""
    return f"{now_ms():012x}{secrets.token_hex(5)}"


def invite(
    company_id: str, connection_id: str, by: str, key: str, secret: str
) -> JourneyCreated | None:
    """Make the link by which a broken connection is linked again; raises Refusal or RedisError.

    The same form sent again, as by a reload, gives the same link, which is made of the session's
    `secret` and kept nowhere. None: the key is not one of ours, or too old.
    """
    began = int(key[:12], 16) if KEY.fullmatch(key) else 0
    if not -SKEW_MS <= now_ms() - began <= KEY_LASTS_MS:
        return None
    held = routes.known(company_id)
    body = JourneyBody.model_validate({"company_id": held.id, "connection_id": connection_id})
    attempt = Attempt(mark=key, salt=f"{key}:{held.id}:{connection_id}", began=began)
    token = inviting.token_of(attempt, secret)
    return inviting.invite(body, attempt, token, by)


def accept(company_id: str, by: str, mark: str) -> None:
    """Say that a company is the right one although its books name another; raises Refusal."""
    routes.accept(routes.known(company_id), by, mark)


def _row(company: Company) -> Row:
    if company.deleted:
        return Row(company, ())
    broken = tuple(one for one in company.connections.values() if one.status in BROKEN)
    if company.identity_mismatch is None:
        return Row(company, broken)
    before, found = identity_of(company.expected, ""), identity_of(company.info, "")
    return Row(company, broken, before, found, differs_by_books(before, found))


def _companies(after: str) -> Iterator[Company]:
    while True:
        page = services().store.companies.page(after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id
