"""The figures that the status route and the metrics both show."""

from dataclasses import dataclass

from relay.queues import lengths
from relay.store import Store
from relay.store.intents.budget import BudgetState
from relay.store.log.readers import Reader
from relay.times import now_ms


@dataclass(frozen=True, slots=True)
class Figures:
    """What waits, what was done, who is alive. Times are in ms since the epoch."""

    messages: dict[str, int]
    intents: dict[str, int]
    budget: BudgetState
    companies: int
    schedules: int
    last_event: int
    heartbeats: dict[str, int]
    clocks: dict[str, float]  # seconds ahead of the server's, by process and machine
    queues: dict[str, int]  # hints that wait in each queue of RQ's
    readers: tuple[Reader, ...]
    damaged: list[int]


def read(store: Store) -> Figures:
    """Read the figures; raise redis.RedisError."""
    return Figures(
        messages=store.inbox.depths(),
        intents=store.intents.counts(),
        budget=store.budget.state(now_ms()),
        companies=store.companies.count(),
        schedules=store.schedules.count(),
        last_event=store.events.last(),
        heartbeats=store.heartbeats(),
        clocks=store.clocks(),
        queues=lengths(store.client),
        readers=store.readers(),
        damaged=store.events.damaged(),
    )
