"""That a scheduler's clock was moved: an alarm, as schedules follow it."""

from relay.company import Company
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

router = Router()


@router.on("relay.clock_jumped")
def jumped(company: Company, action: Action) -> Outcome:
    """Tell by how many seconds; forward is positive."""
    return Outcome(company).log("clock.jumped", **action.payload)
