"""Accept that a relinked company is the right one although its books name another."""

from relay.companies.company import Company
from relay.companies.identity import mark_of
from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.services.errors import Conflict
from relay.store import Store
from relay.times import now_micros

ACTION_TYPE = "relay.identity_accepted"
NOTHING_TO_ACCEPT = "Its books name whom it is known to be: there is nothing to accept."
ANOTHER = "The company's books name another by now. Look again before you accept it."


def accept_identity(
    store: Store, hints: Hints, company: Company, by: str, identity_mark: str | None
) -> None:
    """Accept the identity that a company's books name, if it is still the one that was shown.

    `identity_mark` stands for the identity that was shown; None accepts any. Raise Conflict or
    redis.RedisError.
    """
    check_identity(company, identity_mark)
    if company.identity_mismatch is None:
        raise Conflict(NOTHING_TO_ACCEPT)
    now = now_micros()
    action = Action(
        id=f"identity:{company.id}:{now}",
        type=ACTION_TYPE,
        company_id=company.id,
        at=now,
        payload={"by": by} | ({} if identity_mark is None else {"identity_mark": identity_mark}),
    )
    enqueue_action(store, hints, action)


def check_identity(company: Company | None, identity_mark: str | None) -> None:
    """Raise Conflict when the books name another than the one that was shown."""
    if identity_mark is not None and identity_mark != mark_of(company.info if company else None):
        raise Conflict(ANOTHER)
