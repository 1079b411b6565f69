"""That the clock which schedules follow was moved, or a scheduler's differs from it: alarms."""

from relay.company import Company
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

router = Router()


@router.on("relay.clock_jumped")
def jumped(company: Company, action: Action) -> Outcome:
    """Tell by how many seconds; forward is positive."""
    return Outcome(company).log("clock.jumped", **action.payload)


@router.on("relay.clock_differed")
def differed(company: Company, action: Action) -> Outcome:
    """Tell by how many seconds the scheduler's is ahead."""
    return Outcome(company).log("clock.differed", **action.payload)
