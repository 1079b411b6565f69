"""Messages: one event for one endpoint, and the headers that prove where it comes from."""

from dataclasses import dataclass
from uuid import uuid4

from codat import signature
from sandbox import rules
from sandbox.config import SandboxConfig, WebhookGeneration
from sandbox.events import Event
from sandbox.model import Consumer

USER_AGENT = "codat-relay-sandbox"


@dataclass(slots=True)
class Message:
    """One event for one endpoint; `taken` is True after a 2xx, False when given up."""

    id: str
    url: str
    endpoint: str
    body: bytes
    event_id: str
    event_type: str
    company_id: str | None
    is_legacy: bool
    taken: bool | None = None


def messages_of(event: Event, consumer: Consumer, config: SandboxConfig) -> list[Message]:
    """Make what an endpoint gets of an event: one message today, none or many in the older way."""
    is_legacy = config.webhook_generation == WebhookGeneration.LEGACY
    told = rules.bodies(event, config) if is_legacy else [(event.type, event.id, event.body())]
    return [
        Message(
            id=new_id(),
            url=consumer.url,
            endpoint=consumer.id,
            body=body,
            event_id=event_id,
            event_type=kind,
            company_id=event.company_id,
            is_legacy=is_legacy,
        )
        for kind, event_id, body in told
    ]


def headers(message: Message, config: SandboxConfig, now: int) -> dict[str, str]:
    """Give an attempt's headers: signed at `now` (epoch seconds), or the older shared value."""
    common = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    if not message.is_legacy:
        secret = config.webhook_secret
        return common | signature.headers(secret, message.id, now, message.body)
    common["X-Codat-ClientId"] = config.client_id
    if config.legacy_authorization:
        common["Authorization"] = config.legacy_authorization
    return common


def new_id() -> str:
    """Make a message id, the same over all attempts."""
    return f"msg_{uuid4().hex}"
