"""Company info as Codat gave it: kept, told on when it changed, and the source of the real name."""

from dataclasses import replace

from relay.company import Company, NameSource
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

router = Router()


@router.on("relay.info_fetched")
def info_fetched(company: Company, action: Action) -> Outcome:
    """Keep the info unless a newer is held; replace the name if it is still a placeholder."""
    if action.version <= company.info_version:
        return Outcome(company, stale=True)
    info = action.payload["info"]
    changed = info != company.info
    outcome = Outcome(replace(company, info=info, info_version=action.version))
    if changed:
        outcome = outcome.log("company.info_fetched", previous=company.info, current=info)
    if company.name_source is NameSource.PLACEHOLDER:
        outcome = outcome.then("name")
    return outcome
