"""Ask for a sync, or for another read of a company, at once: the intents that do it."""

from typing import Any

from relay.companies.company import Company, CompanyStatus
from relay.queues import Hints
from relay.services.enqueue_intents import enqueue_intents
from relay.services.errors import Conflict
from relay.store import Store
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Millis

DELETED = "Codat has deleted this company; nothing is left to sync."


def request_sync(
    store: Store, hints: Hints, company: Company, data_type: str, *, by: str, now: int
) -> NewIntent:
    """Enqueue a sync of one company at `now` (ms) and return it; raises Conflict when deleted."""
    if company.status is CompanyStatus.DELETED:
        raise Conflict(DELETED)
    intent = sync_intent(company, data_type, period_of_request(now), by=by, now=now)
    enqueue_intents(store, hints, [intent], now)
    return intent


def period_of_request(now: int) -> str:
    """Return the period of the syncs that one request asks for; `now` is in ms."""
    return f"now-{now}"


def sync_intent(company: Company, data_type: str, period: str, *, by: str, now: int) -> NewIntent:
    """Return the intent that syncs one data type of a company; `now` is in ms."""
    name = intent_name("sync", company.id, data_type, period)
    return _intent(company, name, by, now, {"data_type": data_type, "period": period})


def reread_intent(company: Company, *, by: str, now: int) -> NewIntent:
    """Return the intent that reads a company from Codat again; `now` is in ms."""
    return _intent(company, intent_name("reread", company.id), by, now, {})


def _intent(company: Company, name: str, by: str, now: int, args: dict[str, Any]) -> NewIntent:
    return NewIntent(
        name=name,
        company_id=company.id,
        priority=Priority.NOW,
        due=Millis(now),
        cause=f"api:{by}",
        args=args,
    )
