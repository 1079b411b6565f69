"""The budget of calls to Codat that all processes share: for a day, a minute, a company."""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from codat.times import MAX_COUNT
from relay.store import keys
from relay.store.scripts import Scripts
from relay.times import Millis

MAX_CONCURRENT_PER_COMPANY = 10  # Codat: using-the-api/rate-limits, concurrent requests
# How long an intent stays claimed after its last call began; one call is shorter.
LEASE_MS = Millis(90_000)
MAX_HOLD_MS = Millis(93_660_000)  # Codat's day ends at midnight UTC, so no hold is longer
MAX_CALL_MS = Millis(120_000)  # after which a call that never ended no longer counts as under way


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent: `reserve` is the share of the day, per mille, kept for link follow-ups."""

    calls_per_minute: int = 900
    reserve: int = 50


@dataclass(frozen=True, slots=True)
class Shortage:
    """A call that may not be made yet: ask again at `until`; `what` is short."""

    until: Millis
    what: str  # hold | day | minute | company | intent


@dataclass(frozen=True, slots=True)
class BudgetState:
    """The budget. None: Codat has not said."""

    limit: int | None
    remaining: int | None
    reset: Millis | None
    reserved: int
    hold_until: Millis
    calls_last_minute: int
    calls_per_minute: int
    under_way: int

    def short(self, now: Millis, *, urgent: bool) -> Shortage | None:
        """Return which of hold, day and minute forbids a call now; None if none does."""
        if self.hold_until > now:
            return Shortage(self.hold_until, "hold")
        known = self.remaining is not None and self.reset is not None and self.reset > now
        if known and (self.remaining or 0) <= (0 if urgent else self.reserved):
            return Shortage(self.reset or now, "day")
        if self.calls_last_minute >= self.calls_per_minute:
            return Shortage(Millis(now + 1000), "minute")
        return None

    @property
    def spendable(self) -> int | None:
        """Calls that are left today for what is not urgent; None when Codat has not said."""
        return None if self.remaining is None else max(0, self.remaining - self.reserved)


class Budget:
    """The budget of one store."""

    def __init__(self, client: Redis, scripts: Scripts, limits: Limits) -> None:
        self._client: Any = client
        self._scripts = scripts
        self.limits = limits

    def take(
        self,
        call: str,
        company_id: str | None,
        *,
        priority: int,
        now: Millis,
        intent: str = "",
        fence: int | None = None,
    ) -> Shortage | None:
        """Count one call, or return why it may not be made yet.

        `intent`: the intent that calls; with its `fence` only while that claim holds, which
        the call renews.
        """
        answer = self._scripts.take_call(
            [
                keys.HOLD,
                keys.BUDGET,
                keys.CALLS,
                keys.INFLIGHT + (company_id or ""),
                keys.UNDER_WAY,
                keys.INTENT + intent,
            ],
            [
                now,
                call,
                priority,
                self.limits.calls_per_minute,
                MAX_CONCURRENT_PER_COMPANY,
                self.limits.reserve,
                MAX_CALL_MS,
                intent,
                "1" if company_id else "",
                "" if fence is None else fence,
                keys.INTENTS_DUE,
                LEASE_MS,
            ],
        )
        return None if answer[0] else Shortage(Millis(int(answer[1])), answer[2].decode())

    def ended(
        self,
        call: str,
        company_id: str | None,
        *,
        now: Millis,
        limit: int | None = None,
        remaining: int | None = None,
        reset: Millis | None = None,
        not_before: Millis | None = None,
    ) -> None:
        """Note that a call ended and what its answer said; times in ms."""
        said = [limit, remaining, reset, not_before]
        self._scripts.end_call(
            [
                keys.HOLD,
                keys.BUDGET,
                keys.INFLIGHT + (company_id or ""),
                keys.UNDER_WAY,
                keys.META,
            ],
            [now, call, *("" if value is None else value for value in said), MAX_CALL_MS],
        )

    def state(self, now: Millis) -> BudgetState:
        """Return the budget."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.BUDGET, "limit", "remaining", "reset")
            pipe.get(keys.HOLD)
            pipe.zcount(keys.CALLS, now - 60_000, now + 60_000)
            pipe.zcount(keys.UNDER_WAY, now, now + 2 * MAX_CALL_MS)
            (limit, remaining, reset), hold, minute, under_way = pipe.execute()
        known = reset is not None and now < int(reset) <= now + MAX_HOLD_MS
        of_day, left = _count(limit), _count(remaining)
        return BudgetState(
            limit=of_day,
            remaining=left if known else None,
            reset=Millis(int(reset)) if known else None,
            reserved=-(-(of_day or 0) * self.limits.reserve // 1000),
            hold_until=Millis(int(hold or 0)),
            calls_last_minute=int(minute),
            calls_per_minute=self.limits.calls_per_minute,
            under_way=int(under_way),
        )


def _count(text: bytes | None) -> int | None:
    """Return a figure as it is kept; None for one of an earlier version that is no count.

    What is left may be below nothing: calls that left while Codat counted others.
    """
    try:
        count = int(text or b"")
    except ValueError:
        return None
    return count if count <= MAX_COUNT else None
