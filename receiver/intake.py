"""Decide what to answer to one delivery: headers and raw body in, stored by the way, status out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import structlog
from redis.exceptions import RedisError

from codat import signature
from codat.webhook import Event, Malformed, parse
from relay.inbox.message import MALFORMED, fingerprint, webhook_fields
from relay.queues import Hints
from relay.store import Store
from relay.store.server.durable import NotDurable
from relay.times import millis_to_seconds, now_ms

MAX_BODY_BYTES = 256 * 1024  # bytes; Standard Webhooks advises 20 kB, Codat publishes no limit
RETRY_AFTER = "30"  # seconds; the older service waits that long, today's has its own table
JSON_TYPES = ("application/json", "text/json")
# What says of a body that it is as it is; some proxies and senders name its letters there.
NO_ENCODINGS = frozenset({"", "identity", "none", "utf-8", "utf8", "binary", "8bit"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to a webhook route, body aside. Header names are in lower case."""

    headers: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The status to answer with, and why, in a word or two that the sender may see."""

    status: int
    reason: str = ""


TAKEN = Answer(204)
UNAVAILABLE = Answer(503, "try again later")


class OtherClient(Exception):
    """A genuine webhook of another Codat client, whose companies our key does not know."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"it is of another Codat client, {client_id}")
        self.client_id = client_id


class Intake:
    """Takes deliveries in. `secrets` and `authorizations` are what it accepts as proof.

    `our_client` returns the id of our Codat client, None if it is not known.
    """

    def __init__(
        self,
        store: Store,
        hints: Hints,
        *,
        secrets: Sequence[str],
        authorizations: Sequence[str] = (),
        our_client: Callable[[], str | None] = lambda: None,
    ) -> None:
        if not secrets and not any(authorizations):
            raise ValueError("without a secret no webhook can be proved genuine")
        self._store = store
        self._hints = hints
        self._verifiers = signature.prepare(secrets)
        self._authorizations = tuple(authorizations)
        self._our_client = our_client

    def before_body(self, delivery: Delivery) -> Answer | int:
        """Return, by the headers alone, an answer to send at once or how many bytes to read."""
        headers = delivery.headers
        encodings = headers.get("content-encoding", "").lower().split(",")
        named = {encoding.partition(";")[0].strip() for encoding in encodings}
        if not named <= NO_ENCODINGS:
            return Answer(415, "send the body without a content encoding")
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type and content_type not in JSON_TYPES and not content_type.endswith("+json"):
            return Answer(415, "send JSON")
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return Answer(411, "send a Content-Length")
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            return Answer(413, f"the body may have {MAX_BODY_BYTES} bytes at most")
        return int(length)

    def take(self, delivery: Delivery, body: bytes) -> Answer:
        """Verify, store and answer; 503 for anything that goes wrong inside."""
        try:
            return self._take(delivery, body)
        except signature.Refused as refusal:
            log.info("webhook.refused", reason=refusal.reason, source=delivery.source)
            return Answer(401, "not proved genuine")
        except OtherClient as refusal:
            # Final for the older service; today's tries again for a day, should a setting be wrong.
            log.warning("webhook.refused", reason=str(refusal), source=delivery.source)
            with suppress(RedisError):  # a count is all that would be missing
                self._store.inbox.note_other_client()
            return Answer(403, "of another Codat client")
        except (RedisError, NotDurable, OSError) as error:
            log.warning("webhook.not_stored", error=str(error)[:200], source=delivery.source)
        except Exception:
            log.exception("webhook.failed", source=delivery.source)
        return UNAVAILABLE

    def _take(self, delivery: Delivery, body: bytes) -> Answer:
        message_id = self._prove(delivery.headers, body)
        event: Event | None = None
        try:
            event = parse(body)
        except Malformed as error:
            # Genuine, so it is kept: the drain sets it aside with its reason. A refusal would only
            # be sent again for a day.
            log.warning("webhook.malformed", reason=str(error), message_id=message_id)
        if event and message_id is None and not event.is_legacy:
            raise signature.Refused("only rule webhooks may come without a signature")
        if event and event.client_ids:
            self._refuse_others(event.client_ids)
        company_id = event.company_id if event else None
        event_id = (event and event.id) or message_id or ""
        name = event_id or sha256(body).hexdigest()
        stored = self._store.inbox.ingest(
            fingerprint(event_id, body),
            company_id,
            webhook_fields(
                source=delivery.source,
                message_id=message_id or name,
                event_type=event.type if event else MALFORMED,
                company_id=company_id,
                body=body,
            ),
            older_key=name,
        )
        if stored.wake:
            self._hints.drain(stored.lane)
        return TAKEN

    def _refuse_others(self, named: Sequence[str]) -> None:
        ours = self._our_client()
        for client_id in named:
            if ours is not None and client_id != ours:
                raise OtherClient(client_id)

    def _prove(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Return the signed message id, or None for a shared header; raises Refused."""
        given = headers.get("authorization")
        signed = any(name.startswith(("webhook-", "svix-")) for name in headers)
        if not signed and given and self._authorizations:
            if signature.authorised(self._authorizations, given):
                return None
            raise signature.Refused("the Authorization value is not one that is accepted")
        try:
            # The server's clock, so that a web host whose own is wrong refuses nothing genuine.
            return signature.verify(self._verifiers, headers, body, millis_to_seconds(now_ms()))
        except signature.OutOfTime:
            # Nor does it where the server's is. Within the tolerance of the two, what is sent again
            # is known by its marker.
            return signature.verify(self._verifiers, headers, body)
