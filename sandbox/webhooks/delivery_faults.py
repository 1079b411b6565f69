"""How the sandbox's webhooks can go wrong on their way, and when failed ones are sent again."""

import math
import random
from dataclasses import dataclass, fields, replace
from typing import Any

# Seconds after the failure before (Codat: using-the-api/webhooks/troubleshooting).
RETRIES = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
# The older service: three more tries within two minutes, after these answers alone.
LEGACY_RETRIES = (10, 50, 60)
LEGACY_RETRIED = frozenset({408, 420, 429, 460, 502, 503, 504, 522, 524})


@dataclass(frozen=True, slots=True)
class DeliveryFaults:
    """Shares from 0 to 1; times in seconds. All zero: webhooks go out at once.

    Order is never promised, even then: several threads send, as at Codat.
    """

    duplicate_share: float = 0.0
    drop_share: float = 0.0
    reorder_seconds: float = 0.0
    delay_seconds: float = 0.0
    burst_seconds: float = 0.0  # messages of this time are sent together

    def changed(self, wanted: dict[str, Any]) -> "DeliveryFaults":
        """Return these faults with the changes `wanted`, in camelCase; raises ValueError."""
        known = {_camel(f.name): f.name for f in fields(self)}
        for name, value in wanted.items():
            if name not in known or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name}: a number of 0 or more for one of {', '.join(known)}")
        return replace(self, **{known[name]: float(value) for name, value in wanted.items()})

    def shown(self) -> dict[str, float]:
        """Show them in camelCase."""
        return {_camel(f.name): getattr(self, f.name) for f in fields(self)}

    def waits(self, rng: random.Random) -> list[float]:
        """Return after how many seconds each copy of a message is sent; empty: it is dropped."""
        if rng.random() < self.drop_share:
            return []
        copies = 2 if rng.random() < self.duplicate_share else 1
        return [self.delay_seconds + rng.random() * self.reorder_seconds for _ in range(copies)]

    def leaves_at(self, due: float) -> float:
        """Return when a message due at a time is sent: at the end of its burst, if one is set."""
        if not self.burst_seconds:
            return due
        return math.ceil(due / self.burst_seconds) * self.burst_seconds


def next_wait(attempt: int, status: int | None, *, legacy: bool) -> float | None:
    """Return the seconds to wait after a failed attempt, counted from 1; None: give up."""
    table = LEGACY_RETRIES if legacy else RETRIES
    if legacy and status is not None and status not in LEGACY_RETRIED:
        return None
    return float(table[attempt - 1]) if attempt <= len(table) else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
