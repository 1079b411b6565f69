"""That the clock which all go by was moved, or a machine's differs from it: alarms."""

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.clock_jumped")
def jumped(company: Company, action: Action) -> Outcome:
    """Tell by how many seconds; forward is positive."""
    return Outcome(company).log("clock.jumped", **action.payload)


@router.on("relay.clock_differed")
def differed(company: Company, action: Action) -> Outcome:
    """Tell by how many seconds the machine's is ahead, and which it is."""
    return Outcome(company).log("clock.differed", **action.payload)
