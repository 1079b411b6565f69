"""Begin, find and abort reconciliations: comparisons of what we hold with Codat's own record."""

from collections.abc import Sequence

from relay.nearest import hint
from relay.queues import Hints
from relay.services.errors import Conflict, NotFound
from relay.store import Store
from relay.store.companies.reconciliations import Phase, Run
from relay.times import Millis

MAX_COMPARED = 100  # runs whose ids are compared with an unknown one
ASKED_FOR = "asked for"
NOTHING_TO_STOP = "It had ended before: there was nothing to stop."


def calls_needed(companies: int, *, is_all: bool, page_size: int) -> int:
    """Return the calls to Codat: one per page of all companies, or one per chosen company."""
    return -(-max(1, companies) // page_size) if is_all else companies


def begin_reconciliation(
    store: Store,
    hints: Hints,
    company_ids: Sequence[str],
    *,
    accept_deletions: bool,
    by: str,
    now: int,
) -> tuple[str, bool]:
    """Begin to compare these companies, or all without ids, at `now` (ms).

    Return the id of the run, and whether it is new: only one over all companies runs at a time.
    """
    run, begun = store.reconciles.begin(
        f"{by}-{now}",
        cause=ASKED_FOR,
        now=Millis(now),
        chosen=company_ids,
        accept_deletions=accept_deletions,
    )
    if begun and store.intents.may_hint():
        hints.perform()
    return run, begun


def find_reconciliation(store: Store, run_id: str) -> Run:
    """Return the run of this id; raises NotFound."""
    run = store.reconciles.get(run_id)
    if run is None:
        near = hint(run_id, [one.id for one in store.reconciles.latest(MAX_COMPARED)])
        raise NotFound(f"Look at /v1/reconciliations for those there are{near}.")
    return run


def abort_reconciliation(store: Store, run_id: str, now: int) -> Run:
    """End a run at `now` (ms) and return it; raises NotFound, or Conflict if it has ended."""
    if not store.reconciles.end(find_reconciliation(store, run_id), Phase.ABORTED, Millis(now)):
        raise Conflict(NOTHING_TO_STOP)
    return find_reconciliation(store, run_id)
