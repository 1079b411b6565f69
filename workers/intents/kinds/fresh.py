"""Judge whether a company's data is as fresh as its schedules want it.

Codat is asked only before something is told to be stale: the webhooks of its reads may be lost.
"""

from collections.abc import Iterable
from dataclasses import asdict

import structlog

from codat.errors import CodatError
from codat.statuses import ConnectionStatus
from relay.companies.company import Company, CompanyStatus
from relay.store.intents.queue import Intent
from relay.syncs.data_status import Read
from relay.syncs.schedule import ALL, Schedule
from relay.times import now_micros
from workers.context import Context
from workers.intents.kinds.data import look
from workers.intents.kinds.track import mend_first, stands_ahead
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

log = structlog.get_logger(__name__)

IS_LOCAL = True
SECOND = 1_000_000  # microseconds
HOUR = 3600 * SECOND
STALE_LOOK = 3600.0  # seconds between looks while something is stale; a good read tells sooner


def run(context: Context, intent: Intent) -> AttemptResult:
    """Tell what became stale or fresh; look again when the next deadline comes."""
    company = context.store.companies.get(intent.company_id)
    held = context.store.schedules.of(intent.company_id)
    wanted = [s for s in held.values() if s.fresh]
    if company is None or company.deleted or not (wanted or company.stale):
        return AttemptResult(ResultKind.DONE)
    at = now_micros()
    if stands_ahead(company, at):
        return mend_first(at)
    stale, wait = judge(company, wanted, at)
    reads: list[Read] = []
    if set(stale) - set(company.stale):
        reads = _ask(context, company, at)
        for read in reads:
            version = (read.at, read.id)
            company = company.with_read(read.key, read.status, version, success=read.is_success)
        stale, wait = judge(company, wanted, at)
    action = None
    if reads or stale != company.stale:
        facts = {"stale": list(stale), "reads": [asdict(read) for read in reads]}
        action = NewAction("relay.freshness_judged", facts)
    if not wanted:
        return AttemptResult(ResultKind.DONE, action=action, at=at)
    return AttemptResult(ResultKind.LATER, action=action, at=at, wait=wait, expected=True)


def _ask(context: Context, company: Company, at: int) -> list[Read]:
    """Return the reads that no webhook told of; none where Codat does not answer.

    An alarm does not wait for Codat: most often it is Codat's silence that it tells of.
    """
    if company.status is not CompanyStatus.LINKED:
        return []
    try:
        return look(context, company, at)
    except CodatError as error:
        log.info("data_status.unavailable", company_id=company.id, error=str(error)[:200])
        return []


def judge(company: Company, wanted: Iterable[Schedule], at: int) -> tuple[tuple[str, ...], float]:
    """Return the data types that are stale at `at` (microseconds), and seconds to the next look.

    A schedule for everything has each data type judged that was ever read.
    """
    stale: set[str] = set()
    waits = [STALE_LOOK * 24]
    reads = _reads(company)
    for schedule in wanted:
        never = {schedule.data_type: company.first_seen * 1000}  # it counts from its first sight
        mine = {name: read for name, read in reads.items() if schedule.data_type in (ALL, name)}
        for data_type, read in (mine or never).items():
            deadline = read + schedule.fresh * HOUR
            if at > deadline:
                stale.add(data_type)
                waits.append(STALE_LOOK)
            else:
                waits.append((deadline - at) / SECOND + 1)
    return tuple(sorted(stale)), min(waits)


def _reads(company: Company) -> dict[str, int]:
    """Return when each data type that was ever read was last read well, over linked connections.

    Of several the one read longest ago counts. Reads of which Codat named no connection, or of a
    company that has none linked, count where there are no others.
    """
    linked = {c.id for c in company.connections.values() if c.status == ConnectionStatus.LINKED}
    ours, others = dict[str, int](), dict[str, int]()
    for key, state in company.data_types.items():
        connection, _, data_type = key.partition("|")
        if not state.last_success or (linked and connection not in {*linked, ""}):
            continue
        found = ours if connection in linked else others
        found[data_type] = min(found.get(data_type, state.last_success), state.last_success)
    return others | ours
