"""That the server became too weak to keep for sure what it is told, and that it was mended."""

from relay.companies.company import Company
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.server_weakened")
def weakened(company: Company, action: Action) -> Outcome:
    """Tell by which risks, and what to do."""
    return Outcome(company).log("server.weakened", **action.payload)


@router.on("relay.server_mended")
def mended(company: Company, action: Action) -> Outcome:
    """Tell which risks are over."""
    return Outcome(company).log("server.mended", risks=action.payload["risks"])
