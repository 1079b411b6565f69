"""A subscription, and the rules of its deliveries: ids, signatures, and when to try again."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import orjson

from codat import signature

# Seconds after the first, second, ... failure in a row; the last one repeats.
RETRY_DELAYS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
JITTER = 0.2  # each delay is longer or shorter by up to this part
MAX_RETRY_AFTER = 86_400.0  # seconds that a subscriber may ask for
GONE = 410
MAX_BATCH = 500
DAY_MS = 86_400_000

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret. `until` (ms) is when it expires, None for the current one."""

    value: str
    until: int | None = None

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return f"Secret(..., until={self.until})"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as its owner set it. Empty `types` or `companies` mean all."""

    id: str
    url: str
    secrets: tuple[Secret, ...]
    created: int  # ms since the epoch
    types: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    description: str = ""
    batch: int = 1  # events per delivery, at most

    def to_json(self) -> bytes:
        """Return the subscription as it is stored."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = orjson.loads(raw)
        values["secrets"] = tuple(Secret(**one) for one in values["secrets"])
        values["types"] = tuple(values["types"])
        values["companies"] = tuple(values["companies"])
        return cls(**values)

    def secrets_at(self, now: int) -> list[str]:
        """Return the secrets to sign with at `now` (ms), the current one first."""
        live = [one for one in self.secrets if one.until is None or one.until > now]
        return [one.value for one in sorted(live, key=lambda one: one.until is not None)]

    def rotated(self, secret: str, now: int, overlap_ms: int) -> tuple[Secret, ...]:
        """Return the secrets with a new current one; the former one signs for `overlap_ms` more."""
        kept = [
            Secret(one.value, min(one.until or now + overlap_ms, now + overlap_ms))
            for one in self.secrets
            if one.until is None or one.until > now
        ]
        return (Secret(secret), *(one for one in kept if one.until is not None and one.until > now))


def message_id(subscription: Subscription, epoch: str, first: int, last: int) -> str:
    """Return the id of a delivery of these events, the same on every attempt.

    After a reset of the log, `epoch` makes the id differ for events with the same numbers.
    """
    numbers = str(first) if subscription.batch == 1 else f"{first}-{last}"
    return f"{subscription.id}.{epoch}.{numbers}"


def headers(subscription: Subscription, message_id: str, body: bytes, now: int) -> dict[str, str]:
    """Return a delivery's headers: id, time and a signature for each secret in use.

    Their format is that of Standard Webhooks, section "Webhook headers".
    """
    seconds = now // 1000
    signed = [
        signature.sign(secret, message_id, seconds, body) for secret in subscription.secrets_at(now)
    ]
    return {
        "content-type": SINGLE if subscription.batch == 1 else BATCH,
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signed),
    }


def retry_delay(failures: int, retry_after: float | None, chance: float) -> float:
    """Return the seconds until the next attempt after this many failures in a row.

    `chance`, a random number between 0 and 1, spreads subscribers that failed together.
    """
    delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1] * (1 - JITTER + 2 * JITTER * chance)
    return max(delay, min(retry_after or 0.0, MAX_RETRY_AFTER))
