"""Heal what a reconciliation found to differ, log it, and count it in the run's figures."""

from collections.abc import Sequence
from typing import Any

from codat.records import Company as CodatCompany
from codat.webhook import Event
from relay.companies.company import Company
from relay.companies.drift import Difference, DriftKind, differences
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from relay.times import Micros, Moment, iso_from_micros
from workers.inbox.handlers.rereads import as_shown, company_gone
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Started(EventData):
    """A comparison begins."""

    reconciliation: str
    cause: str


class Progressed(EventData):
    """A comparison has come another tenth of its way."""

    reconciliation: str
    cause: str
    compared: int
    companies: int
    """How many there are to compare."""


class Completed(EventData):
    """A comparison is over; what it found is healed."""

    reconciliation: str
    cause: str
    compared: int
    calls: int
    """Calls to Codat it took."""
    healed: int
    drift: dict[str, int]
    """`missed`, `late`, `wrong` and `unknown`."""
    miss_rate: float | None
    """Of the changes since the comparison before, the share that no webhook told."""


class Stopped(Completed):
    """A comparison was stopped: so many companies are gone that it may be a mistake."""

    gone: int
    """Companies that Codat did not know; none of them was marked deleted."""


class DriftFound(EventData):
    """A company was not as Codat has it; it is now."""

    source: str
    """`reconcile`."""
    reconciliation: str
    differences: list[dict[str, Any]]
    """Each with `kind`, the `event_type` that would have told it, `about`, `ours`, `codats`."""


class Silent(EventData):
    """No webhook came for long although a sync was requested."""

    last_webhook: Moment | None
    sync_requested: Moment


DIFFERENCE = {
    "kind": "missed",
    "event_type": "connection.disconnected",
    "about": "2e9d2c44-f675-40ba-8049-353bfcb5e171",
    "ours": "Linked",
    "codats": "Deauthorized",
}
ENDED = {
    "reconciliation": "daily-2026-01-05",
    "cause": "daily",
    "compared": 412,
    "calls": 5,
    "healed": 1,
    "drift": {"missed": 1, "late": 0, "wrong": 0, "unknown": 0},
    "miss_rate": 0.01,
}
EVENT_TYPES = (
    EventType(
        "reconcile.started",
        "A comparison with Codat's record begins: daily, after an outage, in silence or asked for.",
        Started,
        {"reconciliation": "daily-2026-01-05", "cause": "daily"},
    ),
    EventType(
        "reconcile.progressed",
        "A comparison has come another tenth of its way.",
        Progressed,
        {
            "reconciliation": "daily-2026-01-05",
            "cause": "daily",
            "compared": 300,
            "companies": 412,
        },
    ),
    EventType(
        "reconcile.completed", "A comparison is over, all it found applied.", Completed, ENDED
    ),
    EventType(
        "reconcile.aborted", "A comparison was stopped; what it had healed stays.", Completed, ENDED
    ),
    EventType(
        "reconcile.stopped",
        "A comparison met more companies gone than are likely, as with another client's key. None"
        " is marked deleted unless one is begun that accepts deletions.",
        Stopped,
        ENDED | {"gone": 21},
    ),
    EventType(
        "company.drift_found",
        "A comparison found a company to differ, and put it right.",
        DriftFound,
        {
            "source": "reconcile",
            "reconciliation": "daily-2026-01-05",
            "differences": [DIFFERENCE],
        },
    ),
    EventType(
        "codat.silent",
        "Codat told nothing for an hour (a setting) after a sync was requested.",
        Silent,
        {"last_webhook": None, "sync_requested": "2026-01-05T09:00:00.000Z"},
    ),
)

HOUR = slice(0, 13)  # of an ISO time: the date and the hour
SAME_NEWS = {"connection.reconnected": "connection.connected"}


@router.on("relay.reconciled")
def reconciled(company: Company, action: Action) -> Outcome:
    """Compare again, now that all that came before is applied: what is right by now was late."""
    run = action.payload["run"]
    shown = CodatCompany.from_json(action.payload["company"])
    outcome = as_shown(company, shown, action.version)
    left = differences(outcome.company, shown)  # what is newer here than there
    healed = [one for one in differences(company, shown) if one not in left]
    if not healed:
        return _count_late(Outcome(company), action, healed)
    for one in healed:
        hour = _hour(one.at, action)
        outcome = outcome.count(run, one.kind).count(run, f"{one.kind}:{one.event_type}:{hour}")
        if one.kind is DriftKind.MISSED:
            missed = f"{run}|{one.event_type}|{hour}|{action.at}"
            outcome = outcome.with_company(outcome.company.with_missed(one.about, missed))
    return (
        _count_late(outcome, action, healed)
        .log(
            "company.drift_found",
            source="reconcile",
            reconciliation=run,
            differences=[one.shown() for one in healed],
        )
        .count(run, "healed")
    )


def _count_late(outcome: Outcome, action: Action, healed: Sequence[Difference]) -> Outcome:
    """Count what differed when it was looked at, and was put right by webhooks meanwhile."""
    run, found = action.payload["run"], {(one.event_type, one.about) for one in healed}
    differed = [
        (one["event_type"], one["about"])
        for one in action.payload.get("differed", ())
        if (one["event_type"], one["about"]) not in found
    ]
    if differed or not healed:
        outcome = outcome.count(run, "late")
    for event_type, about in differed:
        told = outcome.company.connections.get(about)
        hour = _hour(told.version[0] if told else None, action)
        outcome = outcome.count(run, f"late:{event_type}:{hour}")
    return outcome


def heard_late(outcome: Outcome, connection_id: str, event: Event) -> Outcome:
    """Take what a comparison counted as missed for late, now that its webhook has come."""
    held = outcome.company.connections.get(connection_id)
    if held is None or not held.missed or event.generated is None:
        return outcome
    run, missed, hour, at = held.missed.rsplit("|", 3)
    if SAME_NEWS.get(event.type, event.type) != missed or event.generated > int(at):
        return outcome
    outcome = outcome.with_company(outcome.company.with_missed(connection_id, ""))
    for kind, more in ((DriftKind.MISSED, -1), ("late", 1)):
        outcome = outcome.count(run, kind, more).count(run, f"{kind}:{missed}:{hour}", more)
    return outcome


def _hour(at: int | None, action: Action) -> str:
    """Return the hour of a change at Codat, or of the comparison where that is not known."""
    return iso_from_micros(Micros(action.at if at is None else at))[HOUR]


@router.on("relay.reconciled_gone")
def reconciled_gone(company: Company, action: Action) -> Outcome:
    """Mark a company deleted that we hold and Codat does not know."""
    run = action.payload["run"]
    outcome = company_gone(company, action)
    if outcome.company is company:
        return outcome.count(run, "late")
    hour = _hour(None, action)
    for what in (DriftKind.UNKNOWN, f"{DriftKind.UNKNOWN}:company.deleted:{hour}", "healed"):
        outcome = outcome.count(run, what)
    return outcome.log(
        "company.drift_found",
        source="reconcile",
        reconciliation=run,
        differences=[{"kind": DriftKind.UNKNOWN, "event_type": "company.deleted"}],
    )


LOGGED_AS = {
    "relay.reconcile_begun": "reconcile.started",
    "relay.reconcile_progressed": "reconcile.progressed",
    "relay.reconcile_ended": "reconcile.completed",
    "relay.reconcile_aborted": "reconcile.aborted",
    "relay.reconcile_stopped": "reconcile.stopped",
    "relay.codat_silent": "codat.silent",
}


@router.on(*LOGGED_AS)
def progressed(company: Company, action: Action) -> Outcome:
    """Log how a reconciliation goes, and that Codat has gone silent."""
    return Outcome(company).log(LOGGED_AS[action.type], **action.payload)
