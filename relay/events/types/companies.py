"""What is told of a company as a whole: it appears, its status and name change, it goes."""

from typing import Any

from relay.events.event_type import EventData, EventType


class Created(EventData):
    """A company we had not heard of."""

    name: str
    """Its name at Codat, empty when not known yet."""
    status: str
    """`Blank`, `PendingAuth`, `Linked`, `Unlinked`, `Deauthorised` or `Deleted`."""


class StatusChanged(EventData):
    """The company's status as a whole, derived from its connections."""

    previous: str
    current: str
    needs_attention: bool
    """It is linked, and a connection besides is broken."""


class Renamed(EventData):
    """The company's name changed."""

    previous: str | None
    current: str
    source: str
    """Who chose the present name: `codat` (we took it from Codat's company info) or `person`."""
    note: str | None = None


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


class NameUnavailable(EventData):
    """The dummy name stays for now."""

    reason: str | None


class ProductsChanged(EventData):
    """A product of Codat's was given to the company or taken from it."""

    change: str
    """`added` or `removed`."""
    product_id: str | None
    product_name: str | None


class Deleted(EventData):
    """The company is gone at Codat."""

    note: str | None = None


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
        "company.created",
        "The first time anything is heard of a company.",
        Created,
        {"name": "Session 20260105", "status": "Blank"},
    ),
    EventType(
        "company.status_changed",
        "A connection's change makes the company as a whole linked, unlinked and so on.",
        StatusChanged,
        {"previous": "PendingAuth", "current": "Linked", "needs_attention": False},
    ),
    EventType(
        "company.renamed",
        "The dummy name was replaced by the real one, or a person chose another.",
        Renamed,
        {"previous": "Session 20260105", "current": "Acme Ltd", "source": "codat"},
    ),
    EventType(
        "company.info_fetched",
        "Codat's company info was read after a link, and differs from what was held.",
        InfoFetched,
        {"previous": None, "current": {"companyName": "Acme Ltd"}},
        codat_fields=("previous", "current"),
    ),
    EventType(
        "company.name_unavailable",
        "Codat's company info holds no name that could take the dummy name's place.",
        NameUnavailable,
        {"reason": "Codat's company info holds no companyName and no companyLegalName"},
    ),
    EventType(
        "company.products_changed",
        "Codat tells that a product was added to or removed from the company.",
        ProductsChanged,
        {"change": "added", "product_id": "lending", "product_name": "Lending"},
    ),
    EventType(
        "company.deleted",
        "Codat tells that the company was deleted, or no longer knows it.",
        Deleted,
        {},
    ),
)
