"""Forget a company: drop all that is held of it, and have its lane record that it was done."""

from relay.queues import Hints
from relay.services.errors import Conflict, UnknownCompany
from relay.store import Store
from relay.store.companies.erasure import Erasing, Forgotten

NOTHING_HELD = "Nothing is held of a company of this id."


def forget(store: Store, hints: Hints, company_id: str, by: str) -> Forgotten:
    """Drop all that is held of a company, and return how much it was.

    Raise UnknownCompany, Conflict while another company is being forgotten, or redis.RedisError.
    """
    try:
        forgotten = store.erasure.forget(company_id, by)
    except Erasing as error:
        raise Conflict(f"{error}; try again in a moment.") from error
    if forgotten is None:
        raise UnknownCompany(NOTHING_HELD)
    hints.drain(store.inbox.lane_of(company_id))
    return forgotten
