"""Company info as Codat gave it: kept, told on when it changed, and the source of the real name."""

from dataclasses import replace

from relay.company import Company, NameSource, identity_changes
from relay.message import Action
from relay.outcome import Outcome
from workers.routing import Router

router = Router()


@router.on("relay.identity_accepted")
def identity_accepted(company: Company, action: Action) -> Outcome:
    """Take the flag away: a person looked and found the company to be the right one."""
    if company.identity_mismatch is None:
        return Outcome(company)
    return Outcome(replace(company, identity_mismatch=None)).log(
        "company.identity_accepted", changes=company.identity_mismatch, by=action.payload["by"]
    )


@router.on("relay.info_fetched")
def info_fetched(company: Company, action: Action) -> Outcome:
    """Keep the info unless a newer is held; replace the name if it is still a placeholder.

    After a relink the books may be another company's: that is told and flagged, not just taken.
    """
    if action.version <= company.info_version:
        return Outcome(company, stale=True)
    info = action.payload["info"]
    changed = info != company.info
    reads = int(action.payload.get("after") or 0)
    after = replace(company, info=info, info_version=action.version, info_after=reads)
    mismatch = {}
    if company.info is not None:
        mismatch = identity_changes(company.info, info)
    if mismatch:
        after = replace(after, identity_mismatch=mismatch)
    outcome = Outcome(after)
    if mismatch:
        outcome = outcome.log("company.identity_mismatch", changes=mismatch)
    if changed:
        outcome = outcome.log("company.info_fetched", previous=company.info, current=info)
    if company.name_source is NameSource.PLACEHOLDER:
        outcome = outcome.then("name")
    return outcome
