"""Request one sync at Codat, for one period, once."""

import math
from itertools import islice

from codat.records import read_time
from relay.companies.company import Company, CompanyStatus
from relay.store.intents.queue import Intent, Priority
from relay.syncs.cadence import next_run
from relay.syncs.catchup import GRACE, ONE_STANDS, SKIPPED
from relay.syncs.pause import MIN_WAIT, wait_under
from relay.syncs.schedule import ALL, CatchUp
from relay.syncs.tracking import COVERED_BY_FIRST, FIRST
from relay.times import now_micros
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, NewAction, ResultKind

WAS_PAUSED = "held back by a pause of everything"
FIRST_LASTS = 86_400_000_000  # microseconds after which it is not waited for any more
SKEW_MICROS = 5_000_000  # by which Codat's clock may be behind ours
AHEAD_MICROS = 3_600_000_000  # by which it may be ahead, and a request may have been on its way
PAGE = 100
HISTORY = 500  # pull operations looked at, newest first; a week after there may be many


def run(context: Context, intent: Intent) -> AttemptResult:
    """POST the refresh, unless the company cannot sync or an earlier attempt got through."""
    at = now_micros()
    facts = {"data_type": intent.args["data_type"], "period": intent.args["period"]}
    company = context.store.companies.get(intent.company_id)
    status = company.status if company else None
    if status is not CompanyStatus.LINKED:
        reason = f"the company is {status}" if status else "the company is unknown"
        return AttemptResult(
            ResultKind.DONE,
            action=NewAction("relay.sync_missed", facts | {"reason": reason}),
            at=at,
        )
    if intent.priority is Priority.SCHEDULED and (held := _held_back(context, intent, company)):
        return held
    if company and _is_first_sync_running(company, intent):
        facts |= {"operation_id": None, "note": COVERED_BY_FIRST, "running": True}
        return AttemptResult(
            ResultKind.DONE, action=NewAction("relay.sync_requested", facts), at=at
        )
    if intent.tried is not None and (operation := _requested_before(context, intent)):
        facts |= {"operation_id": operation, "note": "found in Codat's pull history"}
        return AttemptResult(
            ResultKind.DONE, action=NewAction("relay.sync_requested", facts), at=at
        )
    if intent.args["data_type"] == ALL:
        context.codat.refresh_company_data(intent.company_id)
        facts |= {"operation_id": None}
    else:
        operation = context.codat.refresh_data_type(intent.company_id, intent.args["data_type"]).id
        facts |= {"operation_id": operation}
    return AttemptResult(ResultKind.DONE, action=NewAction("relay.sync_requested", facts), at=at)


def action_for(intent: Intent, result: AttemptResult) -> NewAction | None:
    """Return that the sync was requested, where one ran already, or that its period is missed."""
    if result.kind is ResultKind.IN_PROGRESS:
        facts = {"operation_id": None, "note": "a sync was running already", "running": True}
        return NewAction("relay.sync_requested", intent.args | facts)
    if result.kind in (ResultKind.DONE, ResultKind.LATER):
        return None
    reason = result.error or result.kind
    return NewAction("relay.sync_missed", intent.args | {"reason": reason})


def _is_first_sync_running(company: Company, intent: Intent) -> bool:
    """Whether Codat still reads everything of its own accord, as it does after a link.

    For one data type Codat says itself whether it is being read; for everything it does not.
    """
    first = company.syncs.get(ALL)
    young = first is not None and now_micros() - first.requested < FIRST_LASTS
    scheduled = intent.priority is Priority.SCHEDULED and intent.args["data_type"] == ALL
    return scheduled and first is not None and young and first.is_open and first.period == FIRST


def _held_back(context: Context, intent: Intent, company: Company | None) -> AttemptResult | None:
    """Return LATER for a sync that a pause holds back, or DONE once it is not to run any more.

    Its catch-up rule says when. Under a pause of everything no sync is claimed, so those that
    waited through one are decided here when it is over.
    """
    now = int(context.store.time())
    state = context.store.pauses.standing(now)
    pause = state.on.decide(intent.company_id, intent.args["data_type"], company)
    if pause is None and intent.created >= state.resumed:
        return None
    since = intent.created // 1000
    end, rule = _given_up_at(context, intent, since)
    if now >= end and intent.tried is None:  # an earlier attempt may have got through
        why = pause.in_words() if pause else WAS_PAUSED
        missed = NewAction("relay.sync_missed", intent.args | {"reason": f"{why}; {rule}"})
        return AttemptResult(ResultKind.DONE, action=missed, at=now * 1_000_000)
    if pause is None:
        return None
    wait = wait_under(state, pause, now, since)
    if end > now:
        wait = max(min(wait, end - now), MIN_WAIT)
    error = f"paused: {pause.reason}"
    return AttemptResult(ResultKind.LATER, wait=wait, error=error, expected=True)


def _given_up_at(context: Context, intent: Intent, left: int) -> tuple[float, str]:
    """Return from when on (epoch seconds) a sync that is held back does not run any more, and why.

    By the rule by which a schedule that fell due in the pause is decided: `skip` does not run what
    is late, and of `once` the next period stands for this one.
    """
    company_id, data_type = intent.company_id, intent.args["data_type"]
    schedule = context.store.schedules.of(company_id).get(data_type)
    if schedule is not None and schedule.catch_up is CatchUp.SKIP:
        return left + GRACE + 1, SKIPPED
    if schedule is not None and schedule.running and schedule.catch_up is CatchUp.ONCE:
        return next_run(schedule, left).due, ONE_STANDS
    return math.inf, ""


def _requested_before(context: Context, intent: Intent) -> str | None:
    """Find a pull from the time of our earlier attempts: one of them, whose answer was lost.

    One requested later is another period's: this one may have been given up in between.
    """
    data_type, tried = intent.args["data_type"], intent.tried or 0
    operations = context.codat.list_pull_operations(
        intent.company_id, order_by="-requested", page_size=PAGE
    )
    for operation in islice(operations, HISTORY):
        requested = read_time(operation.requested)
        if requested is None or requested > tried * 1000 + AHEAD_MICROS:
            continue
        if requested < intent.created * 1000 - SKEW_MICROS:
            break
        if data_type in (ALL, operation.data_type):
            return operation.id
    return None
