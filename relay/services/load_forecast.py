"""Forecast how many syncs each coming hour holds, and whether Codat's limits allow them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat

from relay.companies.company import Company
from relay.store import Store
from relay.syncs.load import HOUR, PlannedRun, SyncCapacity, syncs_per_hour, warnings
from relay.times import Millis, iso_from_ms

BATCH_SIZE = 500  # companies per call to the store
MAX_SAMPLE = 20_000  # schedules; of more, an even sample is taken and its counts are scaled up
ON_HOLD = "Codat's quota is spent: nothing scheduled runs until {}. What falls due runs then."


@dataclass(frozen=True, slots=True)
class LoadForecast:
    """The syncs of each hour from `start` (epoch seconds); late ones count in the first hour.

    `looked_at` of `schedules` were counted.
    """

    start: int
    syncs: tuple[int, ...]
    looked_at: int
    schedules: int
    capacity: SyncCapacity
    warnings: tuple[str, ...]


def forecast_load(
    store: Store,
    calls_per_minute: int,
    hours: int,
    now: int,
    *,
    added: Sequence[int] = (),
    companies: Iterable[Company] | None = None,
) -> LoadForecast:
    """Forecast the coming hours from that of `now` (ms), of all companies or of some.

    `added` is how many syncs a change would add to each hour, or take away.
    """
    start = now // 1000 // HOUR * HOUR
    if companies is None:
        sample, total = store.outlook.sample(MAX_SAMPLE), store.schedules.count()
        planned = [PlannedRun(one.plan, one.key, one.due) for one in sample if one.plan]
    else:
        planned = list(_planned_for(store, companies))
        total = len(planned)
    counts = syncs_per_hour(planned, start, hours)
    looked_at = min(total, len(planned))
    if companies is None and total > MAX_SAMPLE:
        counts = [round(count * total / max(1, looked_at)) for count in counts]
    more = chain(added, repeat(0))
    counts = [max(0, count + next(more)) for count in counts]
    capacity = sync_capacity(store, calls_per_minute, now)
    said = (*_quota_warnings(store, now), *warnings(counts, capacity))
    return LoadForecast(start, tuple(counts), looked_at, total, capacity, said)


def sync_capacity(store: Store, calls_per_minute: int, now: int) -> SyncCapacity:
    """Return how many syncs Codat's limits allow at `now` (ms)."""
    quota = store.budget.state(Millis(now)).limit
    return SyncCapacity(calls_per_minute, store.companies.count(), quota)


def _planned_for(store: Store, companies: Iterable[Company]) -> Iterator[PlannedRun]:
    """Yield the companies' coming runs; schedules that wait for a pause to end have none yet."""
    ids = iter([company.id for company in companies])
    while page := list(islice(ids, BATCH_SIZE)):
        held = store.schedules.of_many(page)
        found = [schedule for of_one in held.values() for schedule in of_one.values()]
        for schedule, due in zip(found, store.schedules.next_due(found), strict=True):
            if due is not None:
                yield PlannedRun(schedule, schedule.key, due)


def _quota_warnings(store: Store, now: int) -> list[str]:
    """Return a warning while the day's calls are spent, which keeps scheduled syncs waiting."""
    short = store.budget.state(Millis(now)).short(Millis(now), urgent=False)
    if short is None or short.what == "minute":
        return []
    return [ON_HOLD.format(iso_from_ms(short.until))]
