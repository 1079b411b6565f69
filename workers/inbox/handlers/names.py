"""How the replacement of a dummy name ended: written, a person's choice kept, or not possible."""

from dataclasses import replace

from relay.companies.company import Company, NameSource
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Renamed(EventData):
    """The company's name changed."""

    previous: str | None
    current: str
    source: str
    """Who chose the present name: `codat` (we took it from Codat's company info) or `person`."""
    note: str | None = None


class NameUnavailable(EventData):
    """The dummy name stays for now."""

    reason: str | None


EVENT_TYPES = (
    EventType(
        "company.renamed",
        "The dummy name was replaced by the real one, or a person chose another.",
        Renamed,
        {"previous": "Session 20260105", "current": "Acme Ltd", "source": "codat"},
    ),
    EventType(
        "company.name_unavailable",
        "Codat's company info holds no name that could take the dummy name's place.",
        NameUnavailable,
        {"reason": "Codat's company info holds no companyName and no companyLegalName"},
    ),
)


@router.on("relay.renamed")
def renamed(company: Company, action: Action) -> Outcome:
    """Note the name we wrote, and log old and new where they differ."""
    name = action.payload["name"]
    if company.given_name == name:
        return Outcome(company)
    after = replace(company.named(name, action.version), given_name=name)
    if name == action.payload["previous"]:
        return Outcome(after)
    return Outcome(after).log(
        "company.renamed",
        previous=action.payload["previous"],
        current=name,
        source=NameSource.CODAT,
    )


@router.on("relay.name_kept")
def name_kept(company: Company, action: Action) -> Outcome:
    """Note that a person chose another name meanwhile: it is theirs, and stays."""
    name = action.payload["name"]
    if name == company.given_name:
        return Outcome(company)
    return Outcome(company.named(name, action.version)).log(
        "company.renamed",
        previous=company.placeholder,
        current=name,
        source=NameSource.PERSON,
        note="a person chose this name at Codat; it was left alone",
    )


@router.on("relay.name_unavailable")
def name_unavailable(company: Company, action: Action) -> Outcome:
    """Log that Codat's info holds no name to replace the placeholder with."""
    return Outcome(company).log("company.name_unavailable", reason=action.payload.get("reason"))
