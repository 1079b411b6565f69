"""Companies that we created at Codat: here their dummy names are marked as ours to replace."""

from dataclasses import replace

from relay.companies.company import Company, NameSource
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("relay.company_created")
def company_created(company: Company, action: Action) -> Outcome:
    """Take the new company in, and remember its name as a placeholder if it is one."""
    name = str(action.payload.get("name") or "")
    if action.payload.get("placeholder"):
        company = replace(company, placeholder=name)
    outcome = Outcome(company.named(name, action.version))
    if company.info and outcome.company.name_source is NameSource.PLACEHOLDER:
        return outcome.request("name", link=True)
    return outcome
