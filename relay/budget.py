"""The shared budget as the gate that every call of our Codat client passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

from codat.client import Codat
from codat.errors import NoCallNow, RateLimit
from relay.settings import Settings
from relay.store import Store
from relay.store.intents.budget import BudgetState, Shortage
from relay.store.intents.queue import Priority
from relay.times import Millis, Seconds, millis_to_seconds, now_ms, seconds_to_millis

WORDS = {
    "hold": "Codat asked us to wait",
    "day": "the day's quota is spent down to the reserve",
    "minute": "this minute's calls are spent",
    "company": "ten calls are under way for this company",
    "intent": "another worker holds this intent by now",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name a call is made: at which priority, for which claim of an intent, if any."""

    priority: Priority
    intent: str = ""
    fence: int | None = None


DEFAULT_CALLER = Caller(Priority.NOW)
_caller: ContextVar[Caller] = ContextVar("speaker", default=DEFAULT_CALLER)


@contextmanager
def calling_as(priority: Priority, intent: str = "", fence: int | None = None) -> Iterator[None]:
    """Make the calls in this block count at a priority, in the name of a claimed intent."""
    before = _caller.set(Caller(priority, intent, fence))
    try:
        yield
    finally:
        _caller.reset(before)


class SharedGate:
    """Grants and counts calls by the store's budget; a refusal costs no call."""

    def __init__(self, store: Store) -> None:
        self._budget = store.budget
        self._now = store.now_ms

    def begin_call(self, company_id: str | None) -> str:
        """Return the id under which the call counts; raises NoCallNow."""
        speaker, call, now = _caller.get(), uuid4().hex, self._now()
        short = self._budget.take(
            call,
            company_id,
            priority=int(speaker.priority),
            now=now,
            intent=speaker.intent,
            fence=speaker.fence,
        )
        if short is not None:
            raise refusal(short, now)
        return call

    def end_call(
        self,
        call: str,
        company_id: str | None,
        rate_limit: RateLimit | None,
        retry_after: Seconds | None,
    ) -> None:
        """Note the end of a call; `retry_after` is from a 429."""
        now = self._now()
        reset = rate_limit.reset if rate_limit else None
        not_before = None
        if retry_after is not None:
            not_before = Millis(now + seconds_to_millis(retry_after))
        self._budget.ended(
            call,
            company_id,
            now=now,
            limit=rate_limit.limit if rate_limit else None,
            remaining=rate_limit.remaining if rate_limit else None,
            reset=None if reset is None else seconds_to_millis(reset),
            not_before=not_before,
        )


def refusal(short: Shortage, now: int) -> NoCallNow:
    """Return the error for a call that may not leave yet."""
    return NoCallNow(
        f"no call left: {WORDS.get(short.what, short.what)}",
        retry_after=Seconds(max(0.0, (short.until - now) / 1000)),
    )


def open_priorities(state: BudgetState, now: Millis) -> list[Priority]:
    """Return what the budget lets work on now, most urgent first."""
    return [
        priority
        for priority in Priority
        if priority is Priority.LOCAL or not state.short(now, urgent=priority is Priority.LINK)
    ]


def may_be_claimed(store: Store, now: Millis) -> list[Priority]:
    """Return what may be worked on now (ms), most urgent first; the rest waits without being asked.

    While everything is paused, no scheduled sync needs a look.
    """
    paused = store.pauses.standing(now // 1000).on.holds_all
    return [
        priority
        for priority in open_priorities(store.budget.state(now), now)
        if not (paused and priority is Priority.SCHEDULED)
    ]


def make_client(settings: Settings, store: Store) -> Codat:
    """Return the client for Codat that the settings name, behind the shared budget."""
    return Codat(
        settings.api_key,
        settings.api_url,
        generation=settings.codat_api_generation,
        timeout=(min(3.05, settings.relay_codat_timeout), settings.relay_codat_timeout),
        pool_size=settings.relay_worker_threads,
        gate=SharedGate(store),
        clock=lambda: millis_to_seconds(now_ms()),
    )
