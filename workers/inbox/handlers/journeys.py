"""Steps of a customer's journey, told in the log; the company notes which links are awaited."""

from dataclasses import replace

from relay.companies.company import Company, NameSource
from relay.inbox.message import Action
from workers.inbox.handlers.info import accepted
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("journey.authorising")
def authorising(company: Company, action: Action) -> Outcome:
    """Await the link, so that its coming is told as the journey's."""
    awaited = {**company.awaited, action.payload["connection_id"]: action.payload["journey"]}
    return _told(replace(company, awaited=awaited), action)


@router.on("journey.confirmed", "journey.expired", "journey.revoked")
def ended(company: Company, action: Action) -> Outcome:
    """Await nothing more for this journey."""
    return _told(_without(company, action), action)


@router.on("journey.wrong_company")
def wrong_company(company: Company, action: Action) -> Outcome:
    """Forget what the wrong company's books said: its info, and the name taken from it.

    That name counts as a placeholder from now on, so the right company's replaces it. What stays
    linked stays as it is known: whether it is wrong, the firm says.
    """
    company = _without(company, action)
    if action.payload.get("still_linked"):
        return _told(company, action)
    if company.name_source is NameSource.CODAT:
        company = replace(company, placeholder=company.name, given_name=None)
    if action.version > company.info_version:
        company = replace(company, info=None, info_version=action.version, identity_mismatch=None)
    return _told(company, action)


@router.on("journey.mismatch_accepted")
def mismatch_accepted(company: Company, action: Action) -> Outcome:
    """Let the company be whom the books name now; the journey goes on from there."""
    return accepted(_told(company, action), action)


@router.on("journey.*")
def passed(company: Company, action: Action) -> Outcome:
    """Tell any other step."""
    return _told(company, action)


def _without(company: Company, action: Action) -> Company:
    journey = action.payload["journey"]
    awaited = {held: by for held, by in company.awaited.items() if by != journey}
    return replace(company, awaited=awaited)


def _told(company: Company, action: Action) -> Outcome:
    return Outcome(company).log(action.type, **action.payload)
