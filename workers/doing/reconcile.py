"""Compare what we hold with Codat's own record, page by page; tell companies what differs."""

import time
from collections.abc import Iterable
from dataclasses import replace

from codat import errors
from codat.records import Company as CodatCompany
from relay.company import Company
from relay.drift import differences
from relay.message import Action
from relay.store.intents import Intent, Need, Priority
from relay.store.reconciles import Phase, Run
from relay.telling import tell
from relay.times import now_micros, now_ms
from workers.context import Context
from workers.doing.reread import shown_fields
from workers.endings import Ended, Ending, Told, after_error

AT_A_STRETCH = 15.0  # seconds in one attempt, well within its lease
OURS_AT_ONCE = 200  # of our companies looked at per step
APPLIED_WAIT = 0.5  # seconds between looks whether the lanes have caught up


def do(context: Context, intent: Intent) -> Ended:
    """Go on where the run stands; every step done is noted, so a kill costs one step at most."""
    run_id = intent.name.partition(":")[2]
    until = time.monotonic() + AT_A_STRETCH
    told, steps = None, 0
    while time.monotonic() < until:
        run = context.store.reconciles.get(run_id)
        if run is None:
            return Ended(Ending.DONE)
        if not run.goes_on:
            return _over(run)
        if told != run.tenths:
            told = run.tenths
            _tell_progress(context, run)
        if run.phase is Phase.APPLYING:
            return _applying(context, run)
        try:
            STEPS[run.phase](context, run)
        except errors.CodatError as error:
            if not steps:
                raise
            return _got_on(context, intent, error)
        steps += 1
    return Ended(Ending.LATER, expected=True)


def _got_on(context: Context, intent: Intent, error: errors.CodatError) -> Ended:
    """End an attempt that failed after it had got on: waits grow only while nothing gets done."""
    first = replace(intent, attempts=1, failing_since=None, refusals=0)
    base = context.settings.relay_retry_seconds
    return replace(after_error(error, first, now=now_ms(), base=base), expected=True)


def _page(context: Context, run: Run) -> None:
    """Compare one page of Codat's companies; the next page or phase is noted with it."""
    number = int(run.position)
    at = now_micros()
    page = context.codat.companies_page(number, context.settings.relay_reconcile_page_size)
    if page.total is not None:
        context.store.reconciles.note(run.id, total=page.total)
    sent = _tell_differences(context, run, page.companies, at)
    phase, position = (Phase.PAGES, str(number + 1)) if page.more else (Phase.UNSEEN, "")
    context.store.reconciles.move_on(
        run,
        phase,
        position,
        seen=[company.id for company in page.companies],
        more={"calls": 1, "sent": sent},
    )


def _unseen(context: Context, run: Run) -> None:
    """Ask for companies we hold that no page showed: gone, or moved by a deletion meanwhile."""
    ours = context.store.companies.page(run.position, OURS_AT_ONCE)
    if not ours:
        context.store.reconciles.move_on(run, Phase.APPLYING, "")
        return
    candidates = [c.id for c in ours if not c.deleted and c.first_seen < run.started]
    missing = context.store.reconciles.unseen(run.id, candidates)
    sent = sum(_ask_for(context, run, company_id) for company_id in missing)
    context.store.reconciles.move_on(
        run, Phase.UNSEEN, ours[-1].id, more={"calls": len(missing), "sent": sent}
    )


def _chosen(context: Context, run: Run) -> None:
    """Ask for one of the companies that were chosen."""
    done = int(run.position)
    if done >= len(run.chosen):
        context.store.reconciles.move_on(run, Phase.APPLYING, "")
        return
    company_id = run.chosen[done]
    sent = _ask_for(context, run, company_id)
    context.store.reconciles.move_on(
        run, Phase.CHOSEN, str(done + 1), seen=[company_id], more={"calls": 1, "sent": sent}
    )


STEPS = {Phase.PAGES: _page, Phase.UNSEEN: _unseen, Phase.CHOSEN: _chosen}


def _ask_for(context: Context, run: Run, company_id: str) -> int:
    at = now_micros()
    try:
        shown = context.codat.get_company(company_id)
    except errors.NotFound:
        tell(context.store, context.hints, _action(run, company_id, "relay.reconciled_gone", at))
        return 1
    return _tell_differences(context, run, [shown], at)


def _tell_differences(context: Context, run: Run, shown: Iterable[CodatCompany], at: int) -> int:
    """Leave a message for each company that differs; its lane compares again and heals it."""
    companies = {company.id: company for company in shown}
    held = context.store.companies.get_many(companies)
    _reread_dummies(context, run, held.values())
    found = {c.id: differences(held[c.id], c) for c in companies.values()}
    different = [c for c in companies.values() if found[c.id]]
    for company in different:
        fields = shown_fields(company)
        types = [difference.event_type for difference in found[company.id]]
        tell(
            context.store,
            context.hints,
            _action(run, company.id, "relay.reconciled", at, company=fields, found=types),
        )
    return len(different)


def _reread_dummies(context: Context, run: Run, held: Iterable[Company | None]) -> None:
    """Have companies read whose names the pattern takes for dummies since it was set or changed."""
    now, pattern = now_ms(), context.placeholders
    needs = [
        Need(f"reread:{company.id}", company.id, Priority.RECONCILE, now, f"reconcile:{run.id}")
        for company in held
        if company and not company.deleted and company.recognise_placeholder(pattern) is not company
    ]
    if needs:
        context.store.intents.put(needs, now)


def _action(run: Run, company_id: str, kind: str, at: int, **payload: object) -> Action:
    """Make the message; its id is its marker, so a step done again tells no company twice."""
    name = f"reconcile:{run.id}:{company_id}"
    return Action(name, kind, company_id, at, {"run": run.id, **payload}, Priority.RECONCILE)


def _tell_progress(context: Context, run: Run) -> None:
    """Tell that it began, then each tenth; ids make each known once, after a kill too."""
    facts: dict[str, object] = {"reconciliation": run.id, "cause": run.cause}
    kind, name, at = "relay.reconcile_begun", run.id, run.started * 1000
    if run.tenths:
        kind, name, at = "relay.reconcile_progressed", f"{run.id}:{run.tenths}", now_micros()
        facts |= {"compared": run.compared, "companies": run.total}
    tell(context.store, context.hints, Action(f"{kind}:{name}", kind, "", at, facts))


def _applying(context: Context, run: Run) -> Ended:
    """End the run once the lanes have applied all that it left."""
    if run.figures.get("folded", 0) < run.figures.get("sent", 0):
        return Ended(Ending.LATER, wait=APPLIED_WAIT, expected=True)
    done = context.store.reconciles.end(run, Phase.DONE, now_ms())
    return _over(replace(run, phase=Phase.DONE if done else Phase.ABORTED))


def _over(run: Run) -> Ended:
    """Tell how it ended. Told with the intent's end, so a kill before that tells it later."""
    facts = {
        "reconciliation": run.id,
        "cause": run.cause,
        "compared": run.compared,
        "calls": run.figures.get("calls", 0),
        "healed": run.figures.get("healed", 0),
        "drift": run.drift,
        "miss_rate": run.miss_rate,
    }
    done = run.phase is Phase.DONE
    kind = "relay.reconcile_ended" if done else "relay.reconcile_aborted"
    return Ended(Ending.DONE, told=Told(kind, facts), at=now_micros())
