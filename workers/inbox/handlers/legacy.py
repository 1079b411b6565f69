"""Rule webhooks of the older service: they carry no time, so each is a hint to ask Codat.

The map to today's events follows Codat's page using-the-api/webhooks/migrating-to-new-event-types.
"""

from codat.webhook import Event
from relay.companies.company import Company
from workers.inbox.handlers.reads import INFO_TYPES
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()

PUSH_EVENTS = {"Success": "push.completed", "Pending": "push.progressed"}


@router.on("DataConnectionStatusChanged", "NewCompanySynchronized")
def something_changed(company: Company, event: Event) -> Outcome:
    """Read the company and its connections from Codat; the hint itself changes nothing.

    One that speaks of a link is as urgent as a link, for it may be the only word of it.
    """
    link = event.type == "NewCompanySynchronized" or event.text("newStatus") == "Linked"
    return Outcome(company).request("reread", link=link)


@router.on("DataSyncCompleted")
def sync_completed(company: Company, event: Event) -> Outcome:
    """Log the sync, and fetch the info if that is what was read."""
    return _about_data(company, event, "sync.completed", status="Complete")


@router.on("DatasetDataChanged")
def data_changed(company: Company, event: Event) -> Outcome:
    """Log that a data type has new data."""
    return _about_data(company, event, "data.changed", status="Complete")


@router.on("DataSyncStatusChangedToError")
def sync_failed(company: Company, event: Event) -> Outcome:
    """Log the failed sync; the connection may be the reason, so ask how it stands."""
    status = event.text("datasetStatus")
    return _about_data(company, event, "sync.failed", status=status).request("reread")


@router.on("PushOperationStatusChanged", "PushOperationTimedOut")
def push_ended(company: Company, event: Event) -> Outcome:
    """Log the state of a push operation."""
    status = event.text("status")
    if event.type == "PushOperationTimedOut":
        status = "TimedOut"
    return Outcome(company).log(
        PUSH_EVENTS.get(str(status), "push.failed"),
        data_type=event.text("dataType"),
        push_operation_key=event.text("pushOperationKey"),
        connection_id=event.connection_id,
        status=status,
    )


def _about_data(company: Company, event: Event, logged: str, *, status: object) -> Outcome:
    data_type = event.text("dataType")
    outcome = Outcome(company).log(
        logged,
        connection_id=event.connection_id,
        data_type=data_type,
        dataset_id=event.text("datasetId"),
        status=status,
    )
    if logged == "sync.completed" and data_type in INFO_TYPES:
        outcome = outcome.request("info")
    return outcome
