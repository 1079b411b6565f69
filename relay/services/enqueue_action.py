"""Tell what we did or learned to its company's lane, and send the hint that has it applied."""

from relay.inbox.message import Action, action_fields
from relay.queues import Hints
from relay.store import Store


def enqueue_action(store: Store, hints: Hints, action: Action, *, anyway: bool = False) -> None:
    """Put an action into its lane, once by its id; raises redis.RedisError or NotDurable.

    One without a company goes to the lane of what concerns all. `anyway` tells it to a server that
    is too weak, too.
    """
    company_id = action.company_id or None
    told = store.inbox.ingest(action.id, company_id, action_fields(action), anyway=anyway)
    if told.wake:
        hints.drain(told.lane)
