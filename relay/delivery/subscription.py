"""What a subscription is, and the rules of delivering: when to try again, when to stop."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import orjson

from codat import signature

# Seconds after the first, second, ... failure in a row; then the last of them again and again.
RETRY_DELAYS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
JITTER = 0.2  # each wait is longer or shorter by up to this part
MAX_RETRY_AFTER = 86_400.0  # seconds; what a subscriber may ask for
GONE = 410
MAX_BATCH = 500
DAY_MS = 86_400_000

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret; `until` (ms) is when it ends, None for the present one."""

    value: str
    until: int | None = None

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return f"Secret(..., until={self.until})"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What its owner chose. Empty `types` or `companies` mean all."""

    id: str
    url: str
    secrets: tuple[Secret, ...]
    created: int  # ms since the epoch
    types: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    description: str = ""
    batch: int = 1  # events per delivery, at most

    def to_json(self) -> bytes:
        """Give it as it is stored."""
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
        """Give the secrets to sign with at `now` (ms), the present one first."""
        live = [one for one in self.secrets if one.until is None or one.until > now]
        return [one.value for one in sorted(live, key=lambda one: one.until is not None)]

    def rotated(self, secret: str, now: int, overlap_ms: int) -> tuple[Secret, ...]:
        """Give the secrets with a new present one; the former one holds for a while."""
        kept = [
            Secret(one.value, min(one.until or now + overlap_ms, now + overlap_ms))
            for one in self.secrets
            if one.until is None or one.until > now
        ]
        return (Secret(secret), *(one for one in kept if one.until is not None and one.until > now))


def message_id(subscription: Subscription, epoch: str, first: int, last: int) -> str:
    """Give the id of a delivery of these events: the same on every attempt.

    Another for events that got the same numbers after the log was reset.
    """
    numbers = str(first) if subscription.batch == 1 else f"{first}-{last}"
    return f"{subscription.id}.{epoch}.{numbers}"


def headers(subscription: Subscription, message_id: str, body: bytes, now: int) -> dict[str, str]:
    """Give a delivery's headers: id, time and a signature for each live secret.

    As Standard Webhooks has them, under "Webhook headers".
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


def retry_delay(failures: int, retry_after: float | None, luck: float) -> float:
    """Give the seconds until the next attempt after so many failures in a row.

    `luck` is between 0 and 1 and spreads subscribers that failed together.
    """
    wait = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1] * (1 - JITTER + 2 * JITTER * luck)
    return max(wait, min(retry_after or 0.0, MAX_RETRY_AFTER))
