"""Steps of a customer's journey, as logged; the company notes which links it awaits."""

from dataclasses import replace
from typing import Any

from relay.companies.company import Company, NameSource
from relay.events.event_type import EventType
from relay.events.types.journeys import ON, OVER, JourneyTold, OverConnection
from relay.inbox.message import Action
from relay.times import Moment
from workers.inbox.handlers.info import accepted
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Started(JourneyTold):
    """A journey as it begins."""

    reference: str | None = None
    expires: Moment
    """Until when its link works."""
    by: str
    reconnects: str | None = None
    """The connection that is to be linked again, if one is."""


class NotListed(JourneyTold):
    """What a customer looked for."""

    sought: str


class Consented(JourneyTold):
    """What a customer agreed to; `/v1/journeys/<id>` has it word for word."""

    text_version: str
    language: str
    data_types: list[str]
    cadence: str


class SaidNotNow(JourneyTold):
    """Where the customer left, and why if they said."""

    stage: str
    """What they had in front of them: `pick`, `consent`, `authorise`, `waiting`, `refused`."""
    reason: str | None = None
    """`later`, `ask`, `no_access` or `unwilling`."""


class Judged(JourneyTold):
    """What the customer said of the company that was linked."""

    connection_id: str | None
    company: dict[str, str]
    """`name`, `legal_name`, `registration_number`, `platform_name`, `books`; empty if not known."""


class Confirmed(Judged):
    """The company that the customer said is theirs."""

    shown: str = ""
    """Stands for what the page showed of it, over this connection: the same for the same."""


class WrongCompany(Judged):
    """The company that the customer said is not theirs."""

    still_linked: bool = False
    """It had been linked before this journey, so it was not unlinked: that is for the firm."""


class Mismatch(JourneyTold):
    """Both companies."""

    connection_id: str | None
    expected: dict[str, str] | None
    found: dict[str, str]


class MismatchAccepted(Mismatch):
    """Both companies, and who found the new one to be right."""

    identity_mark: str = ""
    """Stands for who was accepted: `identity_mark` at `/v1/companies/<id>` as it then was."""

    by: str


class Renewed(JourneyTold):
    """That a new link was made."""

    expires: Moment
    """Until when it works."""


class Left(JourneyTold):
    """How far it had come."""

    left_at: str
    by: str | None = None


BEFORE: dict[str, Any] = {"journey": ON["journey"], "attempt": 1}
BAKERY = {
    "name": "Harbour Bakery",
    "legal_name": "Harbour Bakery Ltd",
    "registration_number": "12345678",
    "platform_name": "Xero",
    "books": "e827",
}
OTHER = BAKERY | {"name": "Green Lane Motors", "registration_number": "87654321"}
CONSENT = {
    "text_version": "90628167ef4dfe56",
    "language": "en",
    "data_types": ["company", "invoices"],
    "cadence": "daily",
}
NUMBERS = {"expires": 1}
EXPIRES = "2026-01-20T07:40:00.000Z"
BEGUN = {"reference": "LOAN-1042", "expires": EXPIRES, "by": "operator", "reconnects": None}
EVENT_TYPES = (
    EventType(
        "journey.started",
        "The firm invited a customer to link.",
        Started,
        BEFORE | BEGUN,
        epoch_times=NUMBERS,
    ),
    EventType(
        "journey.opened", "The customer opened the link for the first time.", JourneyTold, BEFORE
    ),
    EventType("journey.platform_chosen", "The customer chose a platform.", JourneyTold, ON),
    EventType(
        "journey.platform_left", "The customer went back to choose another.", JourneyTold, ON
    ),
    EventType(
        "journey.platform_not_listed",
        "The customer did not find their platform, and said which it is.",
        NotListed,
        BEFORE | {"sought": "Lexware"},
    ),
    EventType("journey.consented", "The customer agreed to what is read.", Consented, ON | CONSENT),
    EventType(
        "journey.code_shown",
        "The customer was shown a code by which to go on at another computer.",
        JourneyTold,
        ON,
    ),
    EventType(
        "journey.authorising", "The customer was sent to the platform.", OverConnection, OVER
    ),
    EventType(
        "journey.confirmed",
        "The customer said that this is their company.",
        Confirmed,
        OVER | {"company": BAKERY, "shown": "5d41402abc4b2a76"},
    ),
    EventType(
        "journey.mismatch",
        "Another company was linked than before; the journey stops.",
        Mismatch,
        OVER | {"expected": BAKERY, "found": OTHER},
    ),
    EventType(
        "journey.mismatch_accepted",
        "Someone of the firm found that other company to be the right one; the journey goes on.",
        MismatchAccepted,
        OVER
        | {
            "expected": BAKERY,
            "found": OTHER,
            "by": "operator",
            "identity_mark": "7d793037a0760186",
        },
    ),
    EventType(
        "journey.wrong_company",
        "The customer said that it is the wrong company. What the journey linked was unlinked.",
        WrongCompany,
        OVER | {"company": OTHER, "still_linked": False},
    ),
    EventType(
        "journey.link_renewed",
        "A new link was made; the one before stopped working.",
        Renewed,
        ON | {"expires": EXPIRES},
        epoch_times=NUMBERS,
    ),
    EventType(
        "journey.left",
        "The customer said that they will not go on now; their link goes on working.",
        SaidNotNow,
        ON | {"stage": "consent", "reason": "ask"},
    ),
    EventType(
        "journey.expired", "The journey's time is over.", Left, ON | {"left_at": "consented"}
    ),
    EventType(
        "journey.revoked",
        "The firm ended the journey.",
        Left,
        ON | {"left_at": "opened", "by": "operator"},
    ),
)


@router.on("journey.authorising")
def authorising(company: Company, action: Action) -> Outcome:
    """Await the link, so that it is logged as the journey's when it is made."""
    awaited = {**company.awaited, action.payload["connection_id"]: action.payload["journey"]}
    return _logged(replace(company, awaited=awaited), action)


@router.on("journey.confirmed", "journey.expired", "journey.revoked")
def ended(company: Company, action: Action) -> Outcome:
    """Stop awaiting links for this journey."""
    return _logged(_without(company, action), action)


@router.on("journey.wrong_company")
def wrong_company(company: Company, action: Action) -> Outcome:
    """Forget what the wrong company's books said: its info, and the name taken from it.

    That name counts as a placeholder from now on, so the right company's replaces it. What stays
    linked stays as it is known: whether it is wrong, the firm says.
    """
    company = _without(company, action)
    if action.payload.get("still_linked"):
        return _logged(company, action)
    if company.name_source is NameSource.CODAT:
        company = replace(company, placeholder=company.name, given_name=None)
    if action.version > company.info_version:
        company = replace(company, info=None, info_version=action.version, identity_mismatch=None)
    return _logged(company, action)


@router.on("journey.mismatch_accepted")
def mismatch_accepted(company: Company, action: Action) -> Outcome:
    """Let the company be whom the books name now; the journey goes on from there."""
    return accepted(_logged(company, action), action)


@router.on("journey.*")
def passed(company: Company, action: Action) -> Outcome:
    """Log any other step."""
    return _logged(company, action)


def _without(company: Company, action: Action) -> Company:
    journey = action.payload["journey"]
    awaited = {held: by for held, by in company.awaited.items() if by != journey}
    return replace(company, awaited=awaited)


def _logged(company: Company, action: Action) -> Outcome:
    return Outcome(company).log(action.type, **action.payload)
