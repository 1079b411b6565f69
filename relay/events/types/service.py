"""What is told of the service's own work: limits, what could not be done, what changed nothing."""

from typing import Any

from relay.events.event_type import EventData, EventType
from relay.times import Moment


class LimitReached(EventData):
    """Codat takes no more requests."""

    daily_quota: int | None
    until: Moment | None
    """When it takes requests again."""


class LimitReset(EventData):
    """Codat takes requests again."""

    daily_quota: int | None
    quota_remaining: int | None


class GivenUp(EventData):
    """Something that was to be done at Codat will not be done."""

    intent: str
    """Its name: what was to be done and for which company."""
    ending: str
    reason: str | None


class Solution(EventData):
    """An event of one of Codat's solutions (bank feeds, expenses, reports), told on as it is.

    Its date-times are in UTC.
    """

    reported: str
    """Codat's type."""
    details: dict[str, Any]


class Stale(EventData):
    """A webhook that changed nothing, because something newer is known."""

    event_type: str
    event_id: str | None


class ClockJumped(EventData):
    """The server's clock was moved; schedules follow it."""

    seconds: float
    """By how much; forward is positive."""


class ClockDiffered(EventData):
    """The clocks of a machine of ours and of the server are apart; one of them is wrong."""

    seconds: float
    """By how much the machine's is ahead."""

    process: str = "scheduler"
    """Which kind of process found it, such as `web` or `worker drain`."""

    host: str = ""
    """The machine's name."""


class ServerWeakened(EventData):
    """The server could lose what it acknowledges; until it is mended nothing is acknowledged."""

    risks: list[str]
    """By name, those of RELAY_ACCEPT_RISKS and others."""
    faults: list[str]
    """What is wrong and what to do, a sentence for each."""


class ServerMended(EventData):
    """The server is as strong as it must be again."""

    risks: list[str]
    """Those that are over."""


class UnknownType(EventData):
    """A webhook of a type that no handler takes; the message is kept."""

    event_type: str


EVENT_TYPES = (
    EventType(
        "rate_limit.reached",
        "Codat tells that the client's quota is used up; no calls are made until then.",
        LimitReached,
        {"daily_quota": 1000, "until": "2026-01-06T00:00:00.000000Z"},
    ),
    EventType(
        "rate_limit.reset",
        "Codat tells that the quota is there again.",
        LimitReset,
        {"daily_quota": 1000, "quota_remaining": 1000},
    ),
    EventType(
        "intent.given_up",
        "Work at Codat ended without success and will not be tried again by itself.",
        GivenUp,
        {
            "intent": "info:0498e921-9b53-4396-a412-4f2f5983b0a2",
            "ending": "gone",
            "reason": "404",
        },
        identity=("intent",),
    ),
    EventType(
        "solution.reported",
        "One of Codat's solutions reported something.",
        Solution,
        {"reported": "expenses.sync.successful", "details": {"syncId": "s-1"}},
        codat_fields=("details",),
    ),
    EventType(
        "clock.jumped",
        "The server's clock, which schedules follow, was moved by more than 30 seconds.",
        ClockJumped,
        {"seconds": -3600.0},
    ),
    EventType(
        "clock.differed",
        "The clock of a machine on which a process of ours runs is over 30 seconds apart from the"
        " server's; all go by the server's.",
        ClockDiffered,
        {"seconds": -3600.0, "process": "worker drain", "host": "relay-2"},
    ),
    EventType(
        "server.weakened",
        "The server was set up weaker, became a replica or takes no writes: webhooks and changes"
        " are answered 503 until it is mended.",
        ServerWeakened,
        {"risks": ["fsync"], "faults": ["appendfsync is no; set `appendfsync always`"]},
    ),
    EventType(
        "server.mended",
        "The server is as strong as it must be again; webhooks are taken in.",
        ServerMended,
        {"risks": ["fsync"]},
    ),
    EventType(
        "webhook.stale",
        "A webhook came late: what it tells is older than what is known.",
        Stale,
        {"event_type": "connection.connected", "event_id": "743ec94a-8aa4-44bb-8bd4-e1855ee0e74b"},
    ),
    EventType(
        "webhook.unknown_type",
        "A webhook of a type nobody here knows came in.",
        UnknownType,
        {"event_type": "thing.happened"},
    ),
)
