"""Judge whether a company's data is as fresh as its schedules want it. Calls nobody."""

from collections.abc import Iterable

from relay.cadence import ALL, Schedule
from relay.company import Company
from relay.store.intents import Intent
from relay.times import now_micros
from workers.context import Context
from workers.endings import Ended, Ending, Told

SECOND = 1_000_000  # microseconds
HOUR = 3600 * SECOND
STALE_LOOK = 3600.0  # seconds between looks while something is stale; a good read tells sooner


def do(context: Context, intent: Intent) -> Ended:
    """Tell what became stale or fresh; look again when the next deadline comes."""
    company = context.store.companies.get(intent.company_id)
    held = context.store.schedules.of(intent.company_id)
    wanted = [s for s in held.values() if s.fresh]
    if company is None or company.deleted or not (wanted or company.stale):
        return Ended(Ending.DONE)
    at = now_micros()
    stale, wait = judge(company, wanted, at)
    told = None
    if stale != company.stale:
        told = Told("relay.freshness_judged", {"stale": list(stale)})
    if not wanted:
        return Ended(Ending.DONE, told=told, at=at)
    return Ended(Ending.LATER, told=told, at=at, wait=wait, expected=True)


def judge(company: Company, wanted: Iterable[Schedule], at: int) -> tuple[tuple[str, ...], float]:
    """Give the data types that are stale at `at` (microseconds), and seconds to the next look."""
    stale: list[str] = []
    waits = [STALE_LOOK * 24]
    for schedule in wanted:
        deadline = _last_success(company, schedule.data_type) + schedule.fresh * HOUR
        if at > deadline:
            stale.append(schedule.data_type)
            waits.append(STALE_LOOK)
        else:
            waits.append((deadline - at) / SECOND + 1)
    return tuple(sorted(stale)), min(waits)


def _last_success(company: Company, data_type: str) -> int:
    """Give when this was last read well; a company never read counts from its first sight."""
    found = [
        state.last_success
        for key, state in company.data_types.items()
        if state.last_success and data_type in (ALL, key.partition("|")[2])
    ]
    return max(found, default=company.first_seen * 1000)
