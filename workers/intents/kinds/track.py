"""Look in Codat's pull history for what became of a company's syncs, where no webhook told."""

from collections.abc import Mapping
from itertools import islice, takewhile

from codat.records import PullOperation, read_time
from relay.companies.company import Company, CompanyStatus, Sync
from relay.store.intents.queue import Intent
from relay.syncs.data_status import MAX_AHEAD, missing_reads
from relay.syncs.tracking import (
    SKEW,
    next_check,
    open_syncs,
    sync_timeout,
    updated_from_history,
    why_failed,
)
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

IN_BACKGROUND = True
SECOND = 1_000_000  # microseconds
PAGE = 100
NO_WORD = "no word from Codat for longer than this platform may take"
NOTHING: Mapping[str, str | None] = {}
SILENT = 600  # seconds after which a sync without any pull in the history is looked into
NO_NEWS = NewAction("relay.syncs_checked", {"syncs": []})
MENDED_WITHIN = 30.0  # seconds
MOST = 500  # pull operations looked at, newest first


def run(context: Context, intent: Intent) -> AttemptResult:
    """GET the history since the oldest open sync; none open costs no call."""
    company = context.store.companies.get(intent.company_id)
    waiting = open_syncs(company) if company else {}
    if company is None or not waiting:
        return AttemptResult(ResultKind.DONE)
    at = now_micros()
    if stands_ahead(company, at):
        return mend_first(at)
    if company.status is not CompanyStatus.LINKED:
        reasons = dict.fromkeys(waiting, f"the company is {company.status}")
        return AttemptResult(
            ResultKind.DONE, action=_changes_found(waiting, waiting, reasons), at=at
        )
    operations = _since(context, company.id, min(sync.requested for sync in waiting.values()))
    after = {
        name: updated_from_history(sync, name, operations, at) for name, sync in waiting.items()
    }
    late = sync_timeout(company) * SECOND
    lost = {n: NO_WORD for n, s in after.items() if s.is_open and at - s.requested > late}
    why = {n: why_failed(s, n, operations, at) for n, s in waiting.items() if not after[n].is_open}
    action = _changes_found(waiting, after, lost, why)
    if missing_reads(company, {}, operations, at) or (not operations and _is_silent(waiting, at)):
        action = NewAction("relay.syncs_checked", {**(action or NO_NEWS).payload, "unheard": True})
    left = [sync for name, sync in after.items() if sync.is_open and name not in lost]
    if not left:
        return AttemptResult(ResultKind.DONE, action=action, at=at)
    wait = min(next_check((at - sync.requested) / SECOND) for sync in left)
    return AttemptResult(ResultKind.LATER, action=action, at=at, wait=wait, expected=True)


def stands_ahead(company: Company, at: int) -> bool:
    """Report whether the company holds dates of a time when the server's clock was ahead.

    By them nothing would end, or be too old, until that time has come. `at` in microseconds.
    """
    return company.latest > at + MAX_AHEAD


def mend_first(at: int) -> AttemptResult:
    """Have the company's lane mend such dates, as it does with any message, and look again."""
    return AttemptResult(ResultKind.LATER, action=NO_NEWS, at=at, wait=MENDED_WITHIN, expected=True)


def _is_silent(waiting: Mapping[str, Sync], at: int) -> bool:
    """Report whether a sync was asked for so long ago that something should be known of it."""
    return any(at - sync.requested > SILENT * SECOND for sync in waiting.values())


def _since(context: Context, company_id: str, since: int) -> list[PullOperation]:
    found = context.codat.list_pull_operations(company_id, order_by="-requested", page_size=PAGE)
    # One without a date, or with one that nobody can mean, says nothing of those after it.
    recent = takewhile(
        lambda one: (at := read_time(one.requested)) is None or at >= since - SKEW,
        islice(found, MOST),
    )
    return list(recent)


def _changes_found(
    before: dict[str, Sync],
    after: dict[str, Sync],
    lost: dict[str, str],
    why: Mapping[str, str | None] = NOTHING,
) -> NewAction | None:
    """Tell only what differs from what is held: a look that finds nothing new is no news."""
    changed = [
        {
            "data_type": name,
            "period": sync.period,
            "state": sync.state,
            "total": sync.total,
            "done": sync.done,
            "failed": sync.failed,
            "ended": sync.ended,
            "reason": lost.get(name),
            "why": why.get(name),
        }
        for name, sync in after.items()
        if sync != before[name] or name in lost
    ]
    return NewAction("relay.syncs_checked", {"syncs": changed}) if changed else None
