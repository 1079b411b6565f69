"""Tell that a subscription was paused, or goes on."""

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.subscription_paused")
def paused(company: Company, action: Action) -> Outcome:
    """Tell it."""
    return Outcome(company).log("subscription.paused", **action.payload)


@router.on("relay.subscription_resumed")
def resumed(company: Company, action: Action) -> Outcome:
    """Tell it."""
    return Outcome(company).log("subscription.resumed", **action.payload)
