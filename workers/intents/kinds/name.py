"""Replace a dummy name by the real one, once, and never a name that a person chose."""

from collections.abc import Mapping
from typing import Any

from codat.records import kept_by_codat, loses_letters, sanitise_name
from relay.companies.company import real_name
from relay.store.intents.queue import Intent
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

NO_NAME = "Codat's company info holds no {}"
NOT_KEPT = (
    "the {} in Codat's company info would read differently in the characters that Codat keeps in a"
    " name: Latin letters, digits and - ' , & @ . ? !"
)


def run(context: Context, intent: Intent) -> AttemptResult:
    """GET the company; if its name is still the placeholder, write the name alone.

    That is a PATCH, or in the classic API a PUT of all that was just read. After an attempt whose
    outcome is unknown this begins with the GET again, so the name is written once. Between GET and
    write a person's rename cannot be seen: Codat has no conditional update.
    """
    company = context.store.companies.get(intent.company_id)
    if company is None or company.placeholder is None or company.given_name is not None:
        return AttemptResult(ResultKind.DONE)  # nothing to replace, or replaced once already
    at = now_micros()
    shown = context.codat.get_company(intent.company_id)
    present = shown.name
    target = real_name(company.info, context.settings.relay_name_order)
    if not _same(present, company.placeholder):
        return _already_other(intent, present, target, company.placeholder, at)
    if not target:
        if company.info is None:
            return AttemptResult(ResultKind.DONE)  # the info's arrival leaves this intent again
        reason = _why_none(company.info, context.settings.relay_name_order)
        return AttemptResult(
            ResultKind.DONE, action=NewAction("relay.name_unavailable", {"reason": reason}), at=at
        )
    written = target
    if target != present:
        at = now_micros()
        written = context.codat.update_company(intent.company_id, target, read=shown).name or target
    # Also where it is the real one already, as after "wrong company": it is no dummy any more.
    action = NewAction("relay.renamed", {"previous": present, "name": written})
    return AttemptResult(ResultKind.DONE, action=action, at=at)


def _already_other(
    intent: Intent, present: str, target: str, placeholder: str, at: int
) -> AttemptResult:
    if intent.tried and target and _same(present, target):
        # An earlier attempt of ours got through although its answer was lost.
        action = NewAction("relay.renamed", {"previous": placeholder, "name": present})
    else:
        action = NewAction("relay.name_kept", {"name": present})
    return AttemptResult(ResultKind.DONE, action=action, at=at)


def _same(present: str, ours: str) -> bool:
    """Report whether Codat's present name is ours, but for the characters that Codat leaves out."""
    if present == ours or (present == kept_by_codat(ours) and not loses_letters(ours)):
        return True
    whole = not loses_letters(present) and not loses_letters(ours)
    return whole and sanitise_name(present) == sanitise_name(ours)


def _why_none(info: Mapping[str, Any], order: tuple[str, ...]) -> str:
    said = [name for name in order if isinstance(info.get(name), str) and info[name].strip()]
    return NOT_KEPT.format(" and ".join(said)) if said else NO_NAME.format(" and no ".join(order))
