"""What became of the syncs that were asked for: from request to outcome, values in, values out."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codat.records import PullOperation, read_time
from codat.statuses import ConnectionStatus, PullOutcome, pull_outcome
from relay.companies.company import DELETED, Company, Sync, SyncState
from relay.fast_replace import fast_replace
from relay.syncs.data_status import MAX_AHEAD
from relay.syncs.schedule import ALL

FIRST = "first"  # the period of the sync that Codat itself runs after a link
COVERED_BY_FIRST = "Codat's own first sync stands for this period"
SKEW = 5_000_000  # microseconds by which Codat's clock may be behind ours
HOUR = 3600
SYNC_TIMEOUT = 24 * HOUR  # seconds without word after which a sync counts as failed
# Codat: core-concepts/status. On-premise software may leave a pull queued for days.
ON_PREMISE_TIMEOUT = 14 * 24 * HOUR
ON_PREMISE = frozenset({"pqsw", "hbql"})  # QuickBooks Desktop, Sage 50
SHORTEST_WAIT, LONGEST_WAIT = 30, 6 * HOUR  # seconds between looks into Codat's history
STANDS = "the sync of period {} stands for this one, which had not ended when it was asked for"
MOST_TOLD, LONGEST_REASON = 3, 300  # pulls named in a reason, and its letters
GOOD = frozenset({PullOutcome.COMPLETE, PullOutcome.NEUTRAL})


def begin(company: Company, sync: Sync, data_type: str) -> Company:
    """Note a sync that Codat took; one that was asked for later is kept instead."""
    held = company.syncs.get(data_type)
    if held is not None and held.requested > sync.requested:
        return company
    return fast_replace(company, syncs={**company.syncs, data_type: sync})


def open_syncs(company: Company) -> dict[str, Sync]:
    """Give the syncs whose outcome is not known, by data type."""
    return {name: sync for name, sync in company.syncs.items() if sync.is_open}


def superseded(company: Company, sync: Sync, data_type: str) -> dict[str, Any] | None:
    """Give what is told of the earlier of two open syncs of one data type: the later stands for it.

    None where no other is open.
    """
    held = company.syncs.get(data_type)
    if held is None or not held.is_open or held.period == sync.period:
        return None
    earlier, later = (sync, held) if held.requested > sync.requested else (held, sync)
    return event_data(data_type, earlier) | {"reason": STANDS.format(later.period)}


def settle(company: Company, data_type: str) -> Company:
    """Close the sync of one data type by what its reads have told since it was asked for.

    Each linked connection that reads this data type is waited for. A read told of with a time
    before the request is taken for an earlier one. Should only Codat's clock have been behind, or
    a connection not be asked, the history tells later.
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
    failed = sum(outcome not in GOOD for _, outcome in over)
    state = SyncState.FAILED if failed else SyncState.COMPLETED
    total = max(sync.total, len(since))
    closed = replace(
        sync, state=state, total=total, done=len(over), failed=failed, ended=max(over)[0][0]
    )
    return replace(company, syncs={**company.syncs, data_type: closed})


def updated_from_history(
    sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int
) -> Sync:
    """Give a sync as Codat's pull history shows it; `now` in microseconds.

    The newest pull of each connection and data type counts. It ends when all that began have.
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
    """Say what failed of a sync, in Codat's words; None when nothing did. `now` as above."""
    failed = [one for one in _newest(sync, data_type, operations, now) if _has_failed(one)]
    told = [
        f"{one.data_type}: {one.error_message or one.status_description or one.status}"
        for one in failed[:MOST_TOLD]
    ]
    return "; ".join(told)[:LONGEST_REASON] or None


def _newest(
    sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int
) -> list[PullOperation]:
    """Return the newest pull of each connection and data type since the sync was asked for.

    Its own pull is known by its id, also without a date that counts. Of others nothing is known
    then, nor of those dated ahead, where nothing can have begun.
    """
    operations = list(operations)
    own = next((one for one in operations if one.id == sync.operation_id), None)
    since = (_begun(own, now) if own else None) or sync.requested - SKEW
    newest: dict[tuple[str | None, str | None], PullOperation] = {}
    for operation in operations:
        if data_type not in (ALL, operation.data_type):
            continue
        requested = _begun(operation, now)
        if operation is own or (requested is not None and requested >= since):
            newest.setdefault((operation.connection_id, operation.data_type), operation)
    return list(newest.values())


def _begun(operation: PullOperation, now: int) -> int | None:
    requested = read_time(operation.requested)
    return requested if requested is not None and requested <= now + MAX_AHEAD else None


def _has_failed(operation: PullOperation) -> bool:
    outcome = pull_outcome(operation.status)
    return outcome is not PullOutcome.IN_PROGRESS and outcome not in GOOD


def sync_timeout(company: Company) -> int:
    """Give for how many seconds silence is no failure, by the platforms it is linked to."""
    present = {c.platform_key for c in company.connections.values() if c.status != DELETED}
    return ON_PREMISE_TIMEOUT if present & ON_PREMISE else SYNC_TIMEOUT


def next_check(age: float) -> float:
    """Give the seconds until the history is worth another look, for a sync `age` seconds old."""
    return float(min(max(SHORTEST_WAIT, age / 2), LONGEST_WAIT))


def event_data(data_type: str, sync: Sync) -> dict[str, Any]:
    """Give what the log is told of a sync as a whole."""
    return {
        "data_type": data_type,
        "period": sync.period,
        "operation_id": sync.operation_id,
        "total": sync.total,
        "done": sync.done,
        "failed": sync.failed,
    }
