"""Fetch a company's info; before the first read there is none, and Codat says so."""

from codat import errors
from relay.store.intents.queue import Intent, Priority
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

LEFT_OUT = frozenset({"supplementalData", "sourceUrls"})
SHORTEST_WAIT, LONGEST_WAIT = 30.0, 3600.0  # seconds; the read's own event asks sooner
URGENT_FOR = 3600.0  # seconds, while a customer who linked may be looking


def run(context: Context, intent: Intent) -> AttemptResult:
    """GET the info (Codat: 409 until data type `company` has been read)."""
    company = context.store.companies.get(intent.company_id)
    after = company.info_reads if company else 0  # reads that this info cannot be older than
    at = now_micros()
    try:
        info = context.codat.get_company_info(intent.company_id)
    except errors.Conflict as error:
        age = (context.store.now_ms() - intent.created) / 1000
        wait = min(max(SHORTEST_WAIT, age / 2), LONGEST_WAIT)
        waits_at = None
        if intent.priority is Priority.LINK and age > URGENT_FOR:
            waits_at = Priority.NOW
        return AttemptResult(
            ResultKind.LATER, wait=wait, error=str(error), expected=True, priority=waits_at
        )
    kept = {name: value for name, value in info.raw.items() if name not in LEFT_OUT}
    return AttemptResult(
        ResultKind.DONE,
        action=NewAction("relay.info_fetched", {"info": kept, "after": after}),
        at=at,
    )
