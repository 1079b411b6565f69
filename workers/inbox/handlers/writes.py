"""Writes into the customer's books: told on, nothing of ours to keep."""

from codat.webhook import Event
from relay.companies.company import Company
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


@router.on("*.write.successful", "*.write.unsuccessful")
def write_ended(company: Company, event: Event) -> Outcome:
    """Tell how a push operation ended."""
    return Outcome(company).log(
        "push.completed" if event.type.endswith(".successful") else "push.failed",
        data_type=event.type.partition(".")[0],
        push_operation_key=event.text("id"),
        connection_id=event.connection_id,
        action=event.text("type"),
        status=event.text("status"),
    )
