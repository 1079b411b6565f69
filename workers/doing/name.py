"""Replace a dummy name by the real one, once, and never a name that a person chose."""

from codat.records import sanitise_name
from relay.company import real_name
from relay.store.intents import Intent
from relay.times import now_micros
from workers.context import Context
from workers.endings import Ended, Ending, Told

NO_NAME = "Codat's company info holds neither companyName nor companyLegalName"


def do(context: Context, intent: Intent) -> Ended:
    """GET the company; if its name is still the placeholder, write the name alone.

    That is a PATCH, or in the classic API a PUT of all that was just read. After an attempt whose
    outcome is unknown this begins with the GET again, so the name is written once. Between GET and
    write a person's rename cannot be seen: Codat has no conditional update.
    """
    company = context.store.companies.get(intent.company_id)
    if company is None or company.placeholder is None or company.given_name is not None:
        return Ended(Ending.DONE)  # nothing to replace, or replaced once already
    at = now_micros()
    shown = context.codat.get_company(intent.company_id)
    present = shown.name
    target = real_name(company.info, context.settings.relay_name_order)
    if present != company.placeholder and sanitise_name(present) != sanitise_name(
        company.placeholder
    ):
        return _already_other(intent, present, target, company.placeholder, at)
    if not target:
        if company.info is None:
            return Ended(Ending.DONE)  # the info's arrival leaves this intent again
        return Ended(Ending.DONE, told=Told("relay.name_unavailable", {"reason": NO_NAME}), at=at)
    if target == present:
        return Ended(Ending.DONE)
    at = now_micros()
    written = context.codat.update_company(intent.company_id, target, read=shown).name or target
    told = Told("relay.renamed", {"previous": present, "name": written})
    return Ended(Ending.DONE, told=told, at=at)


def _already_other(intent: Intent, present: str, target: str, placeholder: str, at: int) -> Ended:
    if intent.tried and target and sanitise_name(present) == target:
        # An earlier attempt of ours got through although its answer was lost.
        told = Told("relay.renamed", {"previous": placeholder, "name": present})
    else:
        told = Told("relay.name_kept", {"name": present})
    return Ended(Ending.DONE, told=told, at=at)
