"""What became of the syncs we wanted: requested, missed with a reason, or refused."""

from relay.company import Company
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

router = Router()


@router.on("relay.sync_requested")
def sync_requested(company: Company, action: Action) -> Outcome:
    """Tell that Codat took the request, or that the sync was running already."""
    return Outcome(company).log("sync.requested", **action.payload)


@router.on("relay.sync_missed")
def sync_missed(company: Company, action: Action) -> Outcome:
    """Tell that a period has no sync, and why."""
    return Outcome(company).log("sync.missed", **action.payload)


@router.on("relay.periods_missed")
def periods_missed(company: Company, action: Action) -> Outcome:
    """Tell of each period that passed while nothing ran: one sync stands for them all."""
    outcome = Outcome(company)
    for period in action.payload["periods"]:
        outcome = outcome.log(
            "sync.missed",
            data_type=action.payload["data_type"],
            period=period,
            reason=action.payload["reason"],
        )
    return outcome


@router.on("relay.intent_given_up")
def given_up(company: Company, action: Action) -> Outcome:
    """Tell that something could not be done at Codat; it can be run again."""
    return Outcome(company).log("intent.given_up", **action.payload)
