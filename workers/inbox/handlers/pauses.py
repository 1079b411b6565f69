"""That syncs are held back for a while, and that they are not any more."""

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.pause_started")
def started(company: Company, action: Action) -> Outcome:
    """Tell what is paused, by whom and why."""
    return Outcome(company).log("pause.started", **action.payload)


@router.on("relay.pause_set")
def set_up(company: Company, action: Action) -> Outcome:
    """Tell of a pause that begins with its next window."""
    return Outcome(company).log("pause.set", **action.payload)


@router.on("relay.pause_ended")
def ended(company: Company, action: Action) -> Outcome:
    """Tell that a pause is off: what it held back falls due again."""
    return Outcome(company).log("pause.ended", **action.payload)
