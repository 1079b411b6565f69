"""List intents, run dead ones again, and withdraw those that wait."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_intents import enqueue_intents
from relay.store import Store
from relay.store.intents.listing import IntentRecord
from relay.store.intents.queue import Intent, Priority
from relay.times import Millis, now_micros

SCAN_LIMIT = 10_000  # intents looked at for one list
MAX_RETRIED = 100_000
BATCH_SIZE = 200  # intents taken from the workers per call to the store
LEASE_MS = Millis(90_000)  # in which a withdrawn intent must be finished


@dataclass(frozen=True, slots=True)
class IntentFilter:
    """Which intents: by kind, by company, or by a pattern of names, where * is anything."""

    kind: str | None = None
    company_id: str | None = None
    like: str = "*"

    @property
    def pattern(self) -> str:
        """The pattern of names to read: a name is `<kind>:<company>`, and may go on after that."""
        if self.like != "*":
            return self.like
        if self.company_id:
            return f"{self.kind or '*'}:{self.company_id}*"
        return f"{self.kind}:*" if self.kind else "*"

    def fits(self, record: IntentRecord) -> bool:
        """Report whether an intent has this kind and company."""
        return self.kind in (None, record.kind) and self.company_id in (None, record.company_id)


def list_intents(
    store: Store, state: str, wanted: IntentFilter, limit: int
) -> tuple[list[IntentRecord], int]:
    """Return up to `limit` intents in a state (waiting, running or dead), and how many fit by name.

    `waiting` includes the running ones.
    """
    found = (
        record
        for record in store.intent_list.walk(state, SCAN_LIMIT, wanted.pattern)
        if (state != "running" or record.state == "running") and wanted.fits(record)
    )
    return list(islice(found, limit)), store.intent_list.count(state, wanted.pattern)


def dead_intents(store: Store, names: Collection[str], wanted: IntentFilter) -> list[IntentRecord]:
    """Return the dead intents of these names or, without names, those that fit the filter."""
    fits: Callable[[IntentRecord], bool] = wanted.fits
    if names:
        chosen = set(names)

        def fits(record: IntentRecord) -> bool:
            return record.name in chosen

    return [one for one in store.intent_list.walk("dead", MAX_RETRIED) if fits(one)]


def retry_intents(store: Store, hints: Hints, dead: list[IntentRecord], now: int) -> None:
    """Enqueue dead intents again, due at `now` (ms)."""
    enqueue_intents(store, hints, [record.again(Millis(now)) for record in dead], now)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How many intents were withdrawn, and how many of those meant are running."""

    withdrawn: int
    running: int


def withdraw_intents(
    store: Store, hints: Hints, names: Collection[str], like: str | None, *, by: str, now: int
) -> Withdrawal:
    """Withdraw waiting intents by name, or those that a person asked for whose names fit `like`.

    They count as given up and can be run again; `now` is in ms. Running ones end by themselves.
    """
    chosen = list(names)
    if like is not None:
        found = store.intent_list.walk("waiting", MAX_RETRIED, like)
        chosen = [one.name for one in found if one.priority is Priority.NOW]
    withdrawn = sum(
        _withdraw(store, hints, intent, f"withdrawn by {by}", now)
        for intent in _held(store, chosen)
    )
    left, meant = store.intent_list.walk("waiting", MAX_RETRIED, like or "*"), set(chosen)
    running = sum(one.state == "running" for one in left if one.name in meant)
    return Withdrawal(withdrawn, running)


def _held(store: Store, names: list[str]) -> Iterator[Intent]:
    for start in range(0, len(names), BATCH_SIZE):
        yield from store.intents.hold(names[start : start + BATCH_SIZE], LEASE_MS)


def _withdraw(store: Store, hints: Hints, intent: Intent, reason: str, now: int) -> bool:
    missed = None
    if intent.kind == "sync":
        missed = Action(
            id=f"{intent.name}#{intent.fence}",
            type="relay.sync_missed",
            company_id=intent.company_id,
            at=now_micros(),
            payload=intent.args | {"reason": reason},
        )
    lane = store.inbox.lane_of(intent.company_id)
    recorded, wake = store.intents.finish(
        intent, "dead", now=Millis(now), lane=lane, error=reason, expected=True, action=missed
    )
    if wake:
        hints.drain(lane)
    return recorded
