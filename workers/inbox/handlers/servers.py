"""The server could lose what it acknowledges, or can no longer: alarms."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


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


EVENT_TYPES = (
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
)


@router.on("relay.server_weakened")
def weakened(company: Company, action: Action) -> Outcome:
    """Log which risks there are, and what to do."""
    return Outcome(company).log("server.weakened", **action.payload)


@router.on("relay.server_mended")
def mended(company: Company, action: Action) -> Outcome:
    """Log which risks are over."""
    return Outcome(company).log("server.mended", risks=action.payload["risks"])
