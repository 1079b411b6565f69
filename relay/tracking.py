"""What became of the syncs that were asked for: from request to outcome, values in, values out."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codat.records import PullOperation, parse_time
from codat.statuses import PullOutcome, pull_outcome
from relay.cadence import ALL
from relay.company import DELETED, Company, Sync, SyncState

FIRST = "first"  # the period of the sync that Codat itself runs after a link
SKEW = 5_000_000  # microseconds by which Codat's clock may be behind ours
HOUR = 3600
PATIENCE = 24 * HOUR  # seconds without word after which a sync counts as failed
# Codat: core-concepts/status. On-premise software may leave a pull queued for days.
PATIENCE_ON_PREMISE = 14 * 24 * HOUR
ON_PREMISE = frozenset({"pqsw", "hbql"})  # QuickBooks Desktop, Sage 50
SHORTEST_WAIT, LONGEST_WAIT = 30, 6 * HOUR  # seconds between looks into Codat's history
GOOD = frozenset({PullOutcome.COMPLETE, PullOutcome.NEUTRAL})


def begin(company: Company, sync: Sync, data_type: str) -> Company:
    """Note a sync that Codat took; one that was asked for later is kept instead."""
    held = company.syncs.get(data_type)
    if held is not None and held.requested > sync.requested:
        return company
    return replace(company, syncs={**company.syncs, data_type: sync})


def open_syncs(company: Company) -> dict[str, Sync]:
    """Give the syncs whose outcome is not known, by data type."""
    return {name: sync for name, sync in company.syncs.items() if sync.is_open}


def settle(company: Company, data_type: str) -> Company:
    """Close the sync of one data type by what its reads have told since it was asked for.

    A read told of with a time before the request is taken for an earlier one. Should only Codat's
    clock have been behind, the history tells later.
    """
    sync = company.syncs.get(data_type)
    if sync is None or not sync.is_open or data_type == ALL:
        return company
    since = [
        (state.version, pull_outcome(state.status))
        for key, state in company.data_types.items()
        if key.partition("|")[2] == data_type and state.version[0] >= sync.requested
    ]
    over = [(version, outcome) for version, outcome in since if outcome != PullOutcome.IN_PROGRESS]
    if not over:
        return company
    failed = sum(outcome not in GOOD for _, outcome in over)
    state = SyncState.FAILED if failed else SyncState.COMPLETED
    total = max(sync.total, len(since))
    closed = replace(
        sync, state=state, total=total, done=len(over), failed=failed, ended=max(over)[0][0]
    )
    return replace(company, syncs={**company.syncs, data_type: closed})


def checked(sync: Sync, data_type: str, operations: Iterable[PullOperation], now: int) -> Sync:
    """Give a sync as Codat's pull history shows it; `now` in microseconds.

    The newest pull of each connection and data type counts. It ends when all that began have.
    """
    operations = list(operations)
    own = [parse_time(one.requested) for one in operations if one.id == sync.operation_id]
    since = (own[0] if own else None) or sync.requested - SKEW
    newest: dict[tuple[str | None, str | None], PullOperation] = {}
    for operation in operations:
        requested = parse_time(operation.requested)
        if data_type not in (ALL, operation.data_type):
            continue
        if requested is None or requested < since:
            continue
        newest.setdefault((operation.connection_id, operation.data_type), operation)
    outcomes = [pull_outcome(operation.status) for operation in newest.values()]
    done = sum(outcome is not PullOutcome.IN_PROGRESS for outcome in outcomes)
    failed = sum(
        outcome is not PullOutcome.IN_PROGRESS and outcome not in GOOD for outcome in outcomes
    )
    after = replace(sync, total=len(outcomes), done=done, failed=failed)
    if not outcomes or done < len(outcomes):
        return replace(after, state=SyncState.ACCEPTED) if outcomes else after
    return replace(after, state=SyncState.FAILED if failed else SyncState.COMPLETED, ended=now)


def patience(company: Company) -> int:
    """Give for how many seconds silence is no failure, by the platforms it is linked to."""
    present = {c.platform_key for c in company.connections.values() if c.status != DELETED}
    return PATIENCE_ON_PREMISE if present & ON_PREMISE else PATIENCE


def next_look(age: float) -> float:
    """Give the seconds until the history is worth another look, for a sync `age` seconds old."""
    return float(min(max(SHORTEST_WAIT, age / 2), LONGEST_WAIT))


def facts(data_type: str, sync: Sync) -> dict[str, Any]:
    """Give what the log is told of a sync as a whole."""
    return {
        "data_type": data_type,
        "period": sync.period,
        "operation_id": sync.operation_id,
        "total": sync.total,
        "done": sync.done,
        "failed": sync.failed,
    }
