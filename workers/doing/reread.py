"""Read a company and its connections from Codat: the truth, whatever webhooks said or did not."""

from codat import errors
from relay.store.intents import Intent
from relay.times import now_micros
from workers.context import Context
from workers.endings import Ended, Ending, Told

KEPT = ("id", "name", "tags", "dataConnections")


def do(context: Context, intent: Intent) -> Ended:
    """GET the company; one that Codat does not know is told of as gone."""
    at = now_micros()
    try:
        company = context.codat.get_company(intent.company_id)
    except errors.NotFound as error:
        return Ended(Ending.GONE, told=Told("relay.company_gone", {}), error=str(error), at=at)
    shown = {name: company.raw.get(name) for name in KEPT}
    for connection in shown["dataConnections"] or []:
        if isinstance(connection, dict):
            connection.pop("linkUrl", None)  # may hold a one-time password
    return Ended(Ending.DONE, told=Told("relay.company_read", {"company": shown}), at=at)
