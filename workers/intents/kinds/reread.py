"""Read a company and its connections from Codat: the truth, whatever webhooks said or did not."""

from typing import Any

from codat import errors
from codat.records import Company
from relay.store.intents.queue import Intent
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

KEPT = ("id", "name", "created", "lastSync", "tags", "dataConnections")


def run(context: Context, intent: Intent) -> AttemptResult:
    """GET the company; one that Codat does not know is told of as gone."""
    at = now_micros()
    try:
        company = context.codat.get_company(intent.company_id)
    except errors.NotFound as error:
        return AttemptResult(
            ResultKind.GONE, action=NewAction("relay.company_gone", {}), error=str(error), at=at
        )
    action = NewAction("relay.company_read", {"company": shown_fields(company)})
    return AttemptResult(ResultKind.DONE, action=action, at=at)


def shown_fields(company: Company) -> dict[str, Any]:
    """Return what is kept of a company: no link URLs, which may hold a password."""
    shown = {name: company.raw.get(name) for name in KEPT}
    connections = shown["dataConnections"]
    if isinstance(connections, list):
        shown["dataConnections"] = [
            {name: value for name, value in connection.items() if name != "linkUrl"}
            for connection in connections
            if isinstance(connection, dict)
        ]
    return shown
