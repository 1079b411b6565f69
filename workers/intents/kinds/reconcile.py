"""Compare what we hold with Codat's own record, page by page; tell companies what differs."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from codat import errors
from codat.records import Company as CodatCompany
from relay.companies.company import Company
from relay.companies.drift import differences
from relay.inbox.message import Action
from relay.services.enqueue_action import enqueue_action
from relay.store.companies.reconciliations import Phase, Run, position_of
from relay.store.intents.names import about, intent_name
from relay.store.intents.queue import Intent, NewIntent, Priority
from relay.syncs.data_status import may_miss_reads
from relay.times import Micros, now_micros
from workers.context import Context
from workers.intents.kinds.reread import shown_fields
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind, after_error

AT_A_STRETCH = 15.0  # seconds in one attempt, well within its lease
OURS_AT_ONCE = 200  # of our companies looked at per step
APPLIED_WAIT = 0.5  # seconds between looks whether the lanes have caught up
# More gone at once than this, in number and share, look like another client's key.
MOST_GONE, MOST_GONE_PERCENT = 20, 5


class Asked(NamedTuple):
    """A company to ask for, the position to note after it, and how many of ours that is further."""

    company_id: str
    position: str
    ours: int


def run(context: Context, intent: Intent) -> AttemptResult:
    """Go on where the held stands; what is done is noted as it goes, so a kill costs one call."""
    run_id = about(intent.name)
    until = time.monotonic() + AT_A_STRETCH
    told, begun_at = None, ""
    while time.monotonic() < until:
        held = context.store.reconciles.get(run_id)
        if held is None:
            return AttemptResult(ResultKind.DONE)
        if not held.goes_on:
            return _over(held)
        begun_at = begun_at or held.place
        if told != held.tenths:
            told = held.tenths
            _tell_progress(context, held)
        if held.phase is Phase.APPLYING:
            return _applying(context, held)
        try:
            STEPS[held.phase](context, held, until)
        except errors.CodatError as error:
            now_at = context.store.reconciles.get(run_id)
            if now_at is None or now_at.place == begun_at:
                raise
            return _got_on(context, intent, error)
    return AttemptResult(ResultKind.LATER, expected=True)


def _got_on(context: Context, intent: Intent, error: errors.CodatError) -> AttemptResult:
    """End an attempt that failed after it had got on: waits grow only while nothing gets done."""
    first = replace(intent, attempts=1, failing_since=None, refusals=0)
    base = context.settings.relay_retry_seconds
    return replace(after_error(error, first, now=context.store.now_ms(), base=base), expected=True)


def _page(context: Context, run: Run, until: float) -> None:
    """Compare one page of Codat's companies; the next page or phase is noted with it."""
    number = int(run.position)
    at = now_micros()
    page = context.codat.companies_page(number, context.settings.relay_reconcile_page_size)
    if page.total is not None:
        context.store.reconciles.note(run.id, total=page.total)
    _tell_differences(context, run, page.companies, at)
    phase, position = (Phase.PAGES, str(number + 1)) if page.more else (Phase.UNSEEN, "")
    seen = [company.id for company in page.companies]
    context.store.reconciles.move_on(run, phase, position, seen=seen, more={"calls": 1})


def _unseen(context: Context, run: Run, until: float) -> None:
    """Ask for companies we hold that no page showed: gone, or moved by a deletion meanwhile."""
    ours = context.store.companies.page(run.position, OURS_AT_ONCE)
    if not ours:
        context.store.reconciles.move_on(run, Phase.GONE, "")
        return
    candidates = [c.id for c in ours if not c.deleted and c.first_seen < run.started]
    missing = frozenset(context.store.reconciles.unseen(run.id, candidates))
    asked, before = [], 0
    for number, one in enumerate(candidates, start=1):
        if one in missing:
            asked.append(Asked(one, one, number - before))
            before = number
    stands = _ask_for_each(context, run, asked, until, of=context.store.companies.count())
    if stands and stands.position != ours[-1].id:
        more = {"ours": len(candidates) - before}
        context.store.reconciles.move_on(stands, Phase.UNSEEN, ours[-1].id, more=more)


def _chosen(context: Context, run: Run, until: float) -> None:
    """Ask for some of the companies that were chosen."""
    done, of = int(run.position), len(run.chosen)
    if done >= of:
        context.store.reconciles.move_on(run, Phase.GONE, "")
        return
    some = enumerate(run.chosen[done : done + OURS_AT_ONCE], start=done + 1)
    asked = [Asked(one, str(number), 1) for number, one in some]
    _ask_for_each(context, run, asked, until, of=of)


def _ask_for_each(
    context: Context, run: Run, asked: Sequence[Asked], until: float, *, of: int
) -> Run | None:
    """Ask for companies, of `of` at most, while there is time; note each as it is asked for.

    Gives the run as it then stands; None when not all are asked for, or it stands elsewhere.
    """
    for company_id, position, ours in asked:
        if time.monotonic() >= until:
            return None
        at = now_micros()
        try:
            shown = [context.codat.get_company(company_id)]
        except errors.NotFound:
            shown = []
        _tell_differences(context, run, shown, at)
        more = {"calls": 1, "ours": ours}
        if not shown:  # Codat's total leaves it out
            more |= {"gone": 1, "total": int(run.phase is Phase.UNSEEN)}
        if not context.store.reconciles.move_on(
            run, run.phase, position, seen=[company_id], gone_at=0 if shown else at, more=more
        ):
            return None
        run = run.further(position, more)
        if _is_too_much(run, of):
            context.store.reconciles.end(run, Phase.STOPPED, context.store.now_ms())
            return None
    return run


def _is_too_much(run: Run, of: int) -> bool:
    """Report whether so many of `of` companies are gone that a person must say so is right."""
    gone = run.figures.get("gone", 0)
    if run.accepts_deletions:
        return False
    return gone > MOST_GONE and gone * 100 > of * MOST_GONE_PERCENT


def _gone(context: Context, run: Run, until: float) -> None:
    """Tell companies that Codat knows them no more, now that it is known how many they are."""
    if _is_too_much(run, run.figures.get("ours", 0)):
        context.store.reconciles.end(run, Phase.STOPPED, context.store.now_ms())
        return
    gone = context.store.reconciles.gone(run.id, OURS_AT_ONCE)
    if not gone:
        context.store.reconciles.move_on(run, Phase.APPLYING, "")
        return
    for company_id, at in gone.items():
        enqueue_action(
            context.store, context.hints, _action(run, company_id, "relay.reconciled_gone", at)
        )
    context.store.reconciles.move_on(run, Phase.GONE, [*gone][-1], seen=list(gone))


STEPS = {Phase.PAGES: _page, Phase.UNSEEN: _unseen, Phase.CHOSEN: _chosen, Phase.GONE: _gone}


def _tell_differences(context: Context, run: Run, shown: Iterable[CodatCompany], at: int) -> None:
    """Leave a message for each company that differs; its lane compares again and heals it."""
    companies = {company.id: company for company in shown}
    held = context.store.companies.get_many(companies)
    _reread_dummies(context, run, held.values())
    lacking = [one for one in companies.values() if may_miss_reads(held[one.id], one, at)]
    _leave(context, run, "data", [one.id for one in lacking])
    for company in companies.values():
        found = differences(held[company.id], company)
        if not found:
            continue
        facts = {
            "company": shown_fields(company),
            "differed": [asdict(difference) for difference in found],
        }
        action = _action(run, company.id, "relay.reconciled", at, **facts)
        enqueue_action(context.store, context.hints, action)


def _reread_dummies(context: Context, run: Run, held: Iterable[Company | None]) -> None:
    """Have companies read whose names the pattern takes for dummies since it was set or changed."""
    pattern = context.placeholders
    dummies = [
        company.id
        for company in held
        if company and not company.deleted and company.recognise_placeholder(pattern) is not company
    ]
    _leave(context, run, "reread", dummies)


def _leave(context: Context, run: Run, kind: str, company_ids: Iterable[str]) -> None:
    """Leave an intent of this kind for each company."""
    now, cause = context.store.now_ms(), f"reconcile:{run.id}"
    needs = [
        NewIntent(intent_name(kind, one), one, Priority.RECONCILE, now, cause)
        for one in company_ids
    ]
    if needs:
        context.store.intents.put(needs, now)


def _action(run: Run, company_id: str, kind: str, at: int, **payload: object) -> Action:
    """Make the message; its id is its marker, so a step done again tells no company twice."""
    name = f"reconcile:{run.id}:{company_id}"
    return Action(
        name, kind, company_id, Micros(at), {"run": run.id, **payload}, Priority.RECONCILE
    )


def _tell_progress(context: Context, run: Run) -> None:
    """Tell that it began, then each tenth; ids make each known once, after a kill too."""
    facts: dict[str, object] = {"reconciliation": run.id, "cause": run.cause}
    kind, name, at = "relay.reconcile_begun", run.id, run.started * 1000
    if run.tenths:
        kind, name, at = "relay.reconcile_progressed", f"{run.id}:{run.tenths}", now_micros()
        facts |= {"compared": run.compared, "companies": run.total}
    enqueue_action(
        context.store, context.hints, Action(f"{kind}:{name}", kind, "", Micros(at), facts)
    )


def _applying(context: Context, run: Run) -> AttemptResult:
    """End the run once the lanes are past what stood in them when all was told.

    So it ends whatever became of its messages: applied, set aside, or forgotten with a company.
    """
    inbox = context.store.inbox
    left = inbox.unread(run.tails if run.position else inbox.tails())
    if left:
        context.store.reconciles.move_on(run, Phase.APPLYING, position_of(left))
        return AttemptResult(ResultKind.LATER, wait=APPLIED_WAIT, expected=True)
    context.store.reconciles.end(run, Phase.DONE, context.store.now_ms())
    ended = context.store.reconciles.get(run.id)
    return _over(ended) if ended else AttemptResult(ResultKind.DONE)


def _over(run: Run) -> AttemptResult:
    """Tell how it ended. Told with the intent's end, so a kill before that tells it later."""
    facts: dict[str, object] = {
        "reconciliation": run.id,
        "cause": run.cause,
        "compared": run.compared,
        "calls": run.figures.get("calls", 0),
        "healed": run.figures.get("healed", 0),
        "drift": run.drift,
        "miss_rate": run.miss_rate,
    }
    if run.phase is Phase.STOPPED:
        facts |= {"gone": run.figures.get("gone", 0)}
    return AttemptResult(
        ResultKind.DONE, action=NewAction(ACTION_AT_END[run.phase], facts), at=now_micros()
    )


ACTION_AT_END = {
    Phase.DONE: "relay.reconcile_ended",
    Phase.ABORTED: "relay.reconcile_aborted",
    Phase.STOPPED: "relay.reconcile_stopped",
}
