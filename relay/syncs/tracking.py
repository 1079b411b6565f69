"""Follow each sync from its request to its outcome: values in, values out."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codat.records import PullOperation, read_time
from codat.statuses import ConnectionStatus, PullOutcome, pull_outcome
from relay.companies.company import DELETED, Company, Sync, SyncState
from relay.fast_replace import fast_replace
from relay.syncs.data_status import MAX_AHEAD
from relay.syncs.schedule import ALL

FIRST = "first"  # the period of the sync that Codat runs after a link
COVERED_BY_FIRST = "Codat's own first sync stands for this period"
SKEW = 5_000_000  # microseconds by which Codat's clock may be behind ours
HOUR = 3600
SYNC_TIMEOUT = 24 * HOUR  # seconds without any news after which a sync counts as failed
# Codat: core-concepts/status. On-premise software may leave a pull queued for days.
ON_PREMISE_TIMEOUT = 14 * 24 * HOUR
ON_PREMISE = frozenset({"pqsw", "hbql"})  # QuickBooks Desktop, Sage 50
MIN_WAIT, MAX_WAIT = 30, 6 * HOUR  # seconds between checks of Codat's history
SUPERSEDED = "the sync of period {} stands for this one, which had not ended when it was asked for"
MAX_PULLS_NAMED, MAX_REASON_LENGTH = 3, 300  # in a reason
SUCCESSFUL = frozenset({PullOutcome.COMPLETE, PullOutcome.NEUTRAL})


def begin(company: Company, sync: Sync, data_type: str) -> Company:
    """Return the company with a sync that Codat accepted, unless a later one is held."""
    held = company.syncs.get(data_type)
    if held is not None and held.requested > sync.requested:
        return company
    return fast_replace(company, syncs={**company.syncs, data_type: sync})


def open_syncs(company: Company) -> dict[str, Sync]:
    """Return the syncs whose outcome is not known yet, by data type."""
    return {name: sync for name, sync in company.syncs.items() if sync.is_open}


def superseded(company: Company, sync: Sync, data_type: str) -> dict[str, Any] | None:
    """Return the event data of the earlier of two open syncs of a data type; None without two.

    The later one stands for it.
    """
    held = company.syncs.get(data_type)
    if held is None or not held.is_open or held.period == sync.period:
        return None
    earlier, later = (sync, held) if held.requested > sync.requested else (held, sync)
    return event_data(data_type, earlier) | {"reason": SUPERSEDED.format(later.period)}


def settle(company: Company, data_type: str) -> Company:
    """Return the company with the sync of one data type closed, if its reads have all ended.

    Only reads since the request count, and each linked connection that reads this data type must
    have one. If Codat's clock was behind, or a connection was not asked, Codat's history settles
    the sync later.
    """
    sync = company.syncs.get(data_type)
    if sync is None or not sync.is_open or data_type == ALL:
        return company
    reads = {
        key.partition("|")[0]: (state.version, pull_outcome(state.status))
        for key, state in company.data_types.items()
        if key.partition("|")[2] == data_type
    }
    since = {c: read for c, read in reads.items() if read[0][0] >= sync.requested}
    over = [read for read in since.values() if read[1] != PullOutcome.IN_PROGRESS]
    linked = {c.id for c in company.connections.values() if c.status == ConnectionStatus.LINKED}
    if not over or len(over) < len(since) or linked & (reads.keys() - since.keys()):
        return company
    failed = sum(outcome not in SUCCESSFUL for _, outcome in over)
    state = SyncState.FAILED if failed else SyncState.COMPLETED
    total = max(sync.total, len(since))
    closed = replace(
        sync, state=state, total=total, done=len(over), failed=failed, ended=max(over)[0][0]
    )
    return replace(company, syncs={**company.syncs, data_type: closed})


def updated_from_history(
    sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int
) -> Sync:
    """Return a sync with its state in Codat's pull history; `now` is in microseconds.

    The newest pull of each connection and data type counts; the sync ends when all of them have.
    """
    newest = _newest(sync, data_type, operations, now)
    outcomes = [pull_outcome(operation.status) for operation in newest]
    done = sum(outcome is not PullOutcome.IN_PROGRESS for outcome in outcomes)
    failed = sum(_has_failed(operation) for operation in newest)
    after = replace(sync, total=len(outcomes), done=done, failed=failed)
    if not outcomes or done < len(outcomes):
        return replace(after, state=SyncState.ACCEPTED) if outcomes else after
    return replace(after, state=SyncState.FAILED if failed else SyncState.COMPLETED, ended=now)


def why_failed(
    sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int
) -> str | None:
    """Return what failed in a sync, in Codat's words, or None; `now` is in microseconds."""
    failed = [one for one in _newest(sync, data_type, operations, now) if _has_failed(one)]
    reasons = [
        f"{one.data_type}: {one.error_message or one.status_description or one.status}"
        for one in failed[:MAX_PULLS_NAMED]
    ]
    return "; ".join(reasons)[:MAX_REASON_LENGTH] or None


def _newest(
    sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int
) -> list[PullOperation]:
    """Return the newest pull of each connection and data type since the sync was requested.

    The sync's own pull counts by its id, even without a usable date. Others need a date, and not
    one in the future.
    """
    operations = list(operations)
    own = next((one for one in operations if one.id == sync.operation_id), None)
    since = (_requested(own, now) if own else None) or sync.requested - SKEW
    newest: dict[tuple[str | None, str | None], PullOperation] = {}
    for operation in operations:
        if data_type not in (ALL, operation.data_type):
            continue
        requested = _requested(operation, now)
        if operation is own or (requested is not None and requested >= since):
            newest.setdefault((operation.connection_id, operation.data_type), operation)
    return list(newest.values())


def _requested(operation: PullOperation, now: int) -> int | None:
    requested = read_time(operation.requested)
    return requested if requested is not None and requested <= now + MAX_AHEAD else None


def _has_failed(operation: PullOperation) -> bool:
    outcome = pull_outcome(operation.status)
    return outcome is not PullOutcome.IN_PROGRESS and outcome not in SUCCESSFUL


def sync_timeout(company: Company) -> int:
    """Return the seconds without news after which a sync counts as failed, by platform."""
    present = {c.platform_key for c in company.connections.values() if c.status != DELETED}
    return ON_PREMISE_TIMEOUT if present & ON_PREMISE else SYNC_TIMEOUT


def next_check(age: float) -> float:
    """Return the seconds until the next check of the history, for a sync `age` seconds old."""
    return float(min(max(MIN_WAIT, age / 2), MAX_WAIT))


def event_data(data_type: str, sync: Sync) -> dict[str, Any]:
    """Return the event data of a sync as a whole."""
    return {
        "data_type": data_type,
        "period": sync.period,
        "operation_id": sync.operation_id,
        "total": sync.total,
        "done": sync.done,
        "failed": sync.failed,
    }
