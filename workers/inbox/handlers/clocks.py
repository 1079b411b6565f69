"""Alarms about clocks: the server's was moved, or a machine's differs from it."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


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


EVENT_TYPES = (
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
)


@router.on("relay.clock_jumped")
def jumped(company: Company, action: Action) -> Outcome:
    """Log by how many seconds; forward is positive."""
    return Outcome(company).log("clock.jumped", **action.payload)


@router.on("relay.clock_differed")
def differed(company: Company, action: Action) -> Outcome:
    """Log which machine's clock differs, and by how many seconds it is ahead."""
    return Outcome(company).log("clock.differed", **action.payload)
