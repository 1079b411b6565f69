"""Company info as Codat gave it: kept, logged when it changes, the source of the real name."""

from dataclasses import replace
from typing import Any

from relay.companies.company import Company, NameSource
from relay.companies.identity import (
    BOOKS,
    Match,
    changes,
    compare_infos,
    is_moved,
    known_by,
    mark_of,
)
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class InfoFetched(EventData):
    """What Codat knows of the company itself."""

    previous: dict[str, Any] | None
    current: dict[str, Any]
    """Codat's company info as it gave it, its date-times in UTC."""


class IdentityMismatch(EventData):
    """The books name another company than before: perhaps the wrong one was linked."""

    changes: dict[str, Any]
    """By field of Codat's company info, `previous` and `current`."""


class IdentityAccepted(EventData):
    """A person looked and found it to be the right company."""

    changes: dict[str, Any]
    by: str


class BooksChanged(EventData):
    """It is the same company, but its info comes from other books than before."""

    previous: str
    """Codat's `accountingPlatformRef`: the company's id in its accounting software."""
    current: str
    platforms: list[str]
    """The platforms it is connected to."""


MISMATCH = {"registrationNumber": {"previous": "01234567", "current": "07654321"}}
EVENT_TYPES = (
    EventType(
        "company.identity_mismatch",
        "Company info names another company than what was held: told and flagged.",
        IdentityMismatch,
        {"changes": MISMATCH},
    ),
    EventType(
        "company.identity_accepted",
        "Someone accepted the new identity; the flag is gone.",
        IdentityAccepted,
        {"changes": MISMATCH, "by": "operator"},
    ),
    EventType(
        "company.books_changed",
        "Company info comes from other books of the same company, as after a change of software.",
        BooksChanged,
        {"previous": "123146221125654", "current": "4444e827", "platforms": ["Xero"]},
    ),
    EventType(
        "company.info_fetched",
        "Codat's company info was read after a link, and differs from what was held.",
        InfoFetched,
        {"previous": None, "current": {"companyName": "Acme Ltd"}},
        codat_fields=("previous", "current"),
    ),
)


@router.on("relay.identity_accepted")
def identity_accepted(company: Company, action: Action) -> Outcome:
    """Take the flag away: a person looked and found the company to be the right one."""
    return accepted(Outcome(company), action)


def accepted(outcome: Outcome, action: Action) -> Outcome:
    """Let the company be whom its info names, and tell who said so.

    An acceptance that says whom it is of counts for nothing once the info names another.
    """
    company = outcome.company
    if company.identity_mismatch is None:
        return outcome
    if action.payload.get("identity_mark") not in (None, mark_of(company.info)):
        return outcome
    return replace(outcome, company=replace(company, identity_mismatch=None, expected=None)).log(
        "company.identity_accepted", changes=company.identity_mismatch, by=action.payload["by"]
    )


@router.on("relay.info_fetched")
def info_fetched(company: Company, action: Action) -> Outcome:
    """Keep the info unless a newer is held; replace the name if it is still a placeholder.

    After a relink the books may be another company's: that is logged and flagged, not just taken.
    From then on they are compared with whom the company was, until someone accepts the other.
    Other books of the same company, as after a change of software, are logged and taken.
    """
    if action.version <= company.info_version:
        return Outcome(company, stale=True)
    info = action.payload["info"]
    changed = info != company.info
    reads = int(action.payload.get("after") or 0)
    known = company.expected or company.info or {}
    match = compare_infos(known, info)
    mismatch = company.identity_mismatch if match is Match.UNKNOWN else None
    if match is Match.OTHER:
        mismatch = changes(known, info)
    outcome = Outcome(
        replace(
            company,
            info=info,
            info_version=action.version,
            info_after=reads,
            identity_mismatch=mismatch,
            expected=None if match is Match.SAME else known_by(known) or None,
        )
    )
    if mismatch and mismatch != company.identity_mismatch:
        outcome = outcome.log("company.identity_mismatch", changes=mismatch)
    if match is Match.SAME and is_moved(known, info):
        outcome = outcome.log(
            "company.books_changed",
            previous=known[BOOKS],
            current=info[BOOKS],
            platforms=company.platforms,
        )
    if changed:
        outcome = outcome.log("company.info_fetched", previous=company.info, current=info)
    if company.name_source is NameSource.PLACEHOLDER:
        outcome = outcome.request("name")
    return outcome
