"""A subscription was paused, or resumed."""

from relay.companies.company import Company
from relay.events.event_type import EventData, EventType
from relay.inbox.message import Action
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()


class Paused(EventData):
    """No more deliveries until it is resumed; nothing is lost meanwhile."""

    subscription_id: str
    url: str
    reason: str
    cursor: str
    """The last event that was delivered or left out by its filter."""


class Resumed(EventData):
    """Deliveries go on."""

    subscription_id: str
    url: str
    cursor: str


EXAMPLE = {"subscription_id": "sub_1", "url": "https://example.com/hook", "cursor": "1041"}
EVENT_TYPES = (
    EventType(
        "subscription.paused",
        "A person paused it, it answered 410, or nothing was taken for days.",
        Paused,
        {**EXAMPLE, "reason": "it answered 410"},
    ),
    EventType("subscription.resumed", "A person resumed it.", Resumed, EXAMPLE),
)


@router.on("relay.subscription_paused")
def paused(company: Company, action: Action) -> Outcome:
    """Log why deliveries stopped."""
    return Outcome(company).log("subscription.paused", **action.payload)


@router.on("relay.subscription_resumed")
def resumed(company: Company, action: Action) -> Outcome:
    """Log that deliveries go on."""
    return Outcome(company).log("subscription.resumed", **action.payload)
