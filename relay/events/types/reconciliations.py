"""What is told of comparisons with Codat's own record, and of what they found."""

from typing import Any

from relay.events.event_type import EventData, EventType
from relay.times import Moment


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
