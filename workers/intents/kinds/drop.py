"""Delete a connection that a customer turned away from before anything was linked by it."""

from codat import errors
from codat.statuses import ConnectionStatus
from relay.store.intents.queue import Intent
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, ResultKind


def run(context: Context, intent: Intent) -> AttemptResult:
    """DELETE it if it still waits for its customer; what was ever linked holds data, and stays."""
    connection_id = intent.args["connection_id"]
    company = context.store.companies.get(intent.company_id)
    held = company.connections.get(connection_id) if company else None
    if held is not None and held.ever_linked:
        return AttemptResult(ResultKind.DONE)
    try:
        found = context.codat.get_connection(intent.company_id, connection_id)
        if ConnectionStatus.parse(found.status) is ConnectionStatus.PENDING_AUTH:
            context.codat.delete_connection(intent.company_id, connection_id)
    except errors.NotFound:
        pass  # it is gone, which is all that is wanted
    return AttemptResult(ResultKind.DONE)
