"""Put an action of our own into its company's lane, where the fold applies it like a webhook."""

from relay.inbox.message import Action, action_fields
from relay.queues import Hints
from relay.store import Store


def enqueue_action(store: Store, hints: Hints, action: Action, *, anyway: bool = False) -> None:
    """Put an action into its lane once per id, and hint the lane when needed.

    An action without a company goes to lane 0. `anyway` also writes when the server holds too few
    copies. Raises redis.RedisError or NotDurable.
    """
    company_id = action.company_id or None
    ingested = store.inbox.ingest(action.id, company_id, action_fields(action), anyway=anyway)
    if ingested.wake:
        hints.drain(ingested.lane)
