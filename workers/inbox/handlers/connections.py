"""Keep each connection's status true, and start the company's work when it links."""

from dataclasses import replace

from codat.webhook import Event
from relay.companies.company import DELETED, Company, Sync, version_of
from relay.events.event_type import EventData, EventType
from relay.events.types.journeys import OVER, OverConnection
from relay.syncs.schedule import ALL
from relay.syncs.tracking import FIRST, begin, superseded
from workers.inbox.handlers.reconciliations import heard_late
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class LinkFailed(EventData):
    """The customer's attempt to link did not succeed."""

    connection_id: str
    platform_name: str | None
    reasons: list[str]


class Refused(OverConnection):
    """Why linking failed, in the platform's words."""

    reasons: list[str]


ID = "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd"
EVENT_TYPES = (
    EventType(
        "connection.link_failed",
        "Codat tells that linking failed; the connection stays as it was.",
        LinkFailed,
        {"connection_id": ID, "platform_name": "Xero", "reasons": ["The customer declined."]},
        identity=("connection_id",),
    ),
    EventType(
        "journey.refused",
        "Codat told that the link was not made.",
        Refused,
        OVER | {"reasons": ["User cancelled"]},
    ),
)

# Company info exists only after a first read; the read's own event asks for it sooner than this.
INFO_AFTER_LINK = 20_000  # ms
LOOK_AFTER = 60_000  # ms, at how far Codat's own first sync has come
LINKS = ("connection.connected", "connection.reconnected")


@router.on("connection.created", "connection.disconnected")
def changed(company: Company, event: Event) -> Outcome:
    """Take over the connection as the event shows it."""
    return _take_over(company, event).request("cadence")


@router.on(*LINKS)
def linked(company: Company, event: Event) -> Outcome:
    """Take over the link; ask for the company's info and give it its cadences."""
    outcome = _take_over(company, event)
    if not outcome.stale and event.generated is not None:
        first = Sync(FIRST, event.generated)
        if overtaken := superseded(company, first, ALL):
            outcome = outcome.log("sync.skipped", **overtaken)
        outcome = outcome.with_company(begin(outcome.company, first, ALL)).request(
            "track", delay=LOOK_AFTER
        )
    return outcome.request("info", delay=INFO_AFTER_LINK, link=True).request("cadence")


@router.on("connection.failed")
def link_failed(company: Company, event: Event) -> Outcome:
    """Note why linking failed; the connection stays as it was, waiting for the customer."""
    outcome = _take_over(company, event)
    connection = event.connection
    if outcome.stale or connection is None:
        return outcome
    said = [issue.message or issue.status_text for issue in connection.errors]
    reasons = [reason for reason in said if reason]
    facts = {"connection_id": connection.id, "platform_name": connection.platform_name}
    outcome = outcome.log("connection.link_failed", **facts, reasons=reasons)
    if journey := company.awaited.get(connection.id):
        outcome = outcome.log("journey.refused", journey=journey, **facts, reasons=reasons)
    return outcome


@router.on("connection.deleted")
def deleted(company: Company, event: Event) -> Outcome:
    """Mark the connection gone, whatever status the body still shows."""
    return _take_over(company, event, status=DELETED).request("cadence")


def _take_over(company: Company, event: Event, status: str | None = None) -> Outcome:
    connection, version = event.connection, version_of(event)
    if connection is None or version is None:
        # Nothing to go by but the fact that something changed: ask Codat how it stands.
        return Outcome(company).request("reread", link=event.type in LINKS)
    stale = company.is_stale(connection, version, status)
    if stale and connection.id not in company.connections and status != DELETED:
        # Codat listed it no more when asked after that; a clock may differ, so ask once more.
        return replace(Outcome(company).request("reread"), stale=True)
    outcome = Outcome(company.with_connection(connection, version, status), stale=stale)
    return heard_late(outcome, connection.id, event) if stale else outcome
