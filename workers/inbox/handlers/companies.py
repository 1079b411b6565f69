"""Companies as Codat creates and deletes them, and the products they are given."""

from codat.webhook import Event
from relay.companies.company import NEVER, Company, version_of
from relay.events.event_type import EventData, EventType
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class ProductsChanged(EventData):
    """A product of Codat's was given to the company or taken from it."""

    change: str
    """`added` or `removed`."""
    product_id: str | None
    product_name: str | None


class Deleted(EventData):
    """The company is gone at Codat."""

    note: str | None = None


EVENT_TYPES = (
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


@router.on("company.created")
def created(company: Company, event: Event) -> Outcome:
    """Take the company in; its name was taken over already, as from every event with a date."""
    outcome = Outcome(company)
    return outcome.request("reread") if version_of(event) is None else outcome


@router.on("company.deleted")
def deleted(company: Company, event: Event) -> Outcome:
    """Mark the company gone: Codat cannot bring one back."""
    if company.deleted:
        return Outcome(company)
    gone = company.gone(version_of(event) or NEVER)
    return Outcome(gone).log("company.deleted").request("cadence")


@router.on("company.product.added", "company.product.removed")
def products_changed(company: Company, event: Event) -> Outcome:
    """Log which product was added to the company or removed."""
    return Outcome(company).log(
        "company.products_changed",
        change=event.type.rpartition(".")[2],
        product_id=event.text("productId"),
        product_name=event.text("productName"),
    )
