"""Data that no read has renewed in time, and data that one has again."""

from dataclasses import replace

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.handlers.reads import learned
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.freshness_judged")
def judged(company: Company, action: Action) -> Outcome:
    """Tell of each data type that became stale, and of each that is fresh again."""
    stale = tuple(action.payload["stale"])
    outcome = learned(Outcome(company), action.payload.get("reads", ()))
    outcome = outcome.with_company(replace(outcome.company, stale=stale))
    for data_type in stale:
        if data_type not in company.stale:
            outcome = outcome.log("data.stale", data_type=data_type)
    for data_type in company.stale:
        if data_type not in stale:
            outcome = outcome.log("data.fresh", data_type=data_type)
    return outcome
