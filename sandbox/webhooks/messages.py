"""Messages: one event for one endpoint, and the headers that prove where it comes from."""

from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from codat import signature
from sandbox.config import SandboxConfig, WebhookGeneration
from sandbox.webhooks import rules
from sandbox.world.events import Event
from sandbox.world.model import Consumer

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
    if not consumer.serves(event.company_id, event.tags):
        return []
    is_legacy = (
        consumer.rule_type is not None or config.webhook_generation == WebhookGeneration.LEGACY
    )
    return [
        Message(
            id=f"msg_{uuid5(UUID(event_id), consumer.id + kind).hex}",
            url=consumer.url,
            endpoint=consumer.id,
            body=body,
            event_id=event_id,
            event_type=kind,
            company_id=event.company_id,
            is_legacy=is_legacy,
        )
        for kind, event_id, body in _found(event, consumer, config, is_legacy=is_legacy)
    ]


def _found(
    event: Event, consumer: Consumer, config: SandboxConfig, *, is_legacy: bool
) -> list[rules.Rule]:
    found = []
    if not is_legacy and consumer.wants(event.type):
        found.append((event.type, event.id, event.body()))
    for rule in rules.bodies(event, config) if is_legacy or consumer.event_types else ():
        if consumer.rule_type is not None:
            fits = rules.is_about(consumer.rule_type, rule[0])
        else:
            # An endpoint of today that asks for an older type by name gets the older body, signed.
            fits = is_legacy or rules.TODAYS_NAMES[rule[0]] in (consumer.event_types or ())
        if fits:
            found.append(rule)
    return found


def headers(
    message: Message, config: SandboxConfig, now: int, authorization: str | None
) -> dict[str, str]:
    """Return an attempt's headers: signed at `now` (epoch seconds), or the older shared value."""
    common = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    if not message.is_legacy:
        secret = config.webhook_secret
        return common | signature.headers(secret, message.id, now, message.body)
    common["X-Codat-ClientId"] = config.client_id
    if authorization:
        common["Authorization"] = authorization
    return common


def new_id() -> str:
    """Make a message id, the same over all attempts."""
    return f"msg_{uuid4().hex}"
