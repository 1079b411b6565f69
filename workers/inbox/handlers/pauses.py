"""Pauses are set, start to hold syncs back, and end."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from relay.times import Moment
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


NUMBERS = {"ends": 1000}


class PauseTold(EventData):
    """One pause."""

    pause: str
    """Its id."""
    scope: str
    """`everything`, `platform`, `tag`, `company` or `data_type`."""
    value: str
    """Which of them; empty for everything."""
    owner: str
    reason: str
    ends: Moment | None = None
    """Null without an end."""


EXAMPLE = {
    "pause": "p-1",
    "scope": "platform",
    "value": "Xero",
    "owner": "operator",
    "reason": "migration",
    "ends": "2026-01-06T09:00:00.000Z",
}

EVENT_TYPES = tuple(
    EventType(event_type, when, PauseTold, EXAMPLE, epoch_times=NUMBERS)
    for event_type, when in (
        ("pause.set", "A pause was set that begins with its next window."),
        ("pause.started", "Syncs are held back from now on."),
        ("pause.ended", "A pause is off: what it held back falls due again."),
    )
)


@router.on("relay.pause_started")
def started(company: Company, action: Action) -> Outcome:
    """Log what is paused, who paused it and why."""
    return Outcome(company).log("pause.started", **action.payload)


@router.on("relay.pause_set")
def set_up(company: Company, action: Action) -> Outcome:
    """Log a pause that begins with its next window."""
    return Outcome(company).log("pause.set", **action.payload)


@router.on("relay.pause_ended")
def ended(company: Company, action: Action) -> Outcome:
    """Log that a pause is off: what it held back falls due again."""
    return Outcome(company).log("pause.ended", **action.payload)
