"""Tell that a company was forgotten, or events dropped that someone had not read, or soon will."""

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.company_forgotten")
def forgotten(company: Company, action: Action) -> Outcome:
    """Leave the one line that stays."""
    return Outcome(company).log("company.forgotten", **action.payload)


@router.on("relay.log_trimmed")
def trimmed(company: Company, action: Action) -> Outcome:
    """Tell who was passed."""
    return Outcome(company).log("log.trimmed", **action.payload)


@router.on("relay.log_limit_neared")
def neared(company: Company, action: Action) -> Outcome:
    """Tell who will be passed unless it reads on."""
    return Outcome(company).log("log.limit_neared", **action.payload)
