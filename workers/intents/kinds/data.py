"""Ask Codat how it stands with a company's data, where webhooks may have been lost."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice

from codat.records import PullOperation
from relay.companies.company import Company, CompanyStatus
from relay.store.intents.queue import Intent
from relay.syncs.data_status import Read, linked_connections, missing_reads, needs_history
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

PAGE = 100  # pull operations, the newest: one call


def run(context: Context, intent: Intent) -> AttemptResult:
    """GET the data status; reads that the company does not hold are told to its lane."""
    company = context.store.companies.get(intent.company_id)
    if company is None or company.status is not CompanyStatus.LINKED:
        return AttemptResult(ResultKind.DONE)
    at = now_micros()
    reads = look(context, company, at)
    if not reads:
        return AttemptResult(ResultKind.DONE)
    action = NewAction("relay.data_status_read", {"reads": [asdict(read) for read in reads]})
    return AttemptResult(ResultKind.DONE, action=action, at=at)


def look(context: Context, company: Company, now: int) -> list[Read]:
    """Return the reads that the company does not hold; `now` in microseconds. Raises CodatError.

    The data status names no connection and dates no failure, so of a company with several, or
    where dates are lacking, the pull history is read too.
    """
    statuses = context.codat.get_company_data_status(company.id)
    operations: Iterable[PullOperation] = ()
    if len(linked_connections(company)) > 1 or needs_history(company, statuses, now):
        operations = recent_operations(context, company.id)
    return missing_reads(company, statuses, operations, now)


def recent_operations(context: Context, company_id: str) -> list[PullOperation]:
    """Return a page of the company's pull operations, the newest first."""
    found = context.codat.list_pull_operations(company_id, order_by="-requested", page_size=PAGE)
    return list(islice(found, PAGE))
