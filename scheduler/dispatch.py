"""Dispatch: turn each schedule that is due into a sync intent, or park it under its pause."""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from relay.inbox.message import action_body
from relay.queues import Hints
from relay.store import Store
from relay.store.schedules.due import Dispatch, Due
from relay.syncs.catchup import NOTHING_RAN, DueDecision, decide_due
from relay.syncs.missed import Missed
from relay.syncs.pause import ActivePauses
from relay.syncs.schedule import HOUR
from relay.times import Micros, Millis, iso_from_ms
from scheduler import pauses

BATCH_SIZE = 300  # schedules read one by one per call: a few ms of the server's time
TAKE_SIZE = 400  # schedules moved on or parked per call without being read: as long
ROUND_SECONDS = 2.0  # of dispatching, then other work of the scheduler has its turn
UNUSABLE = "when this schedule runs cannot be told"

log = structlog.get_logger(__name__)


def dispatch(store: Store, hints: Hints, now: int, between: Callable[[], int] | None = None) -> int:
    """Turn every schedule due by `now` (epoch seconds) into a sync intent; return how many.

    A round ends after some seconds. Then pauses are read again, and `between` may do other work
    that must not wait; it returns the time by then.
    """
    syncs_made = 0
    while True:
        syncs, more = _round(store, hints, now)
        syncs_made += syncs
        if not more:
            return syncs_made
        if between is not None:
            now = between()


def _round(store: Store, hints: Hints, now: int) -> tuple[int, bool]:
    """Dispatch for some seconds; return the count of syncs, and whether more may be due."""
    until = time.monotonic() + ROUND_SECONDS
    on = pauses.follow(store, hints, now)
    syncs_made, more, same = 0, True, True
    while more and same:
        syncs, more, same = _batch(store, hints, now, on)
        syncs_made += syncs
        if time.monotonic() >= until:
            break
    if syncs_made:
        log.info("schedules.dispatched", syncs=syncs_made)
        if store.intents.may_hint():
            hints.perform()
    return syncs_made, more


def _batch(store: Store, hints: Hints, now: int, on: ActivePauses) -> tuple[int, bool, bool]:
    """Dispatch or park what is due for longest.

    Return the count of syncs, whether more may be due, and whether the pauses are unchanged.
    """
    if on.everything:
        parked = store.pauses.park_all(on.everything, now, TAKE_SIZE)
        return 0, parked != 0, parked is not None
    taken, stay = 0, BATCH_SIZE
    if not on.needs_company:
        taken, stay = store.schedules.take_due(now, TAKE_SIZE, on.names)
    if not stay:
        return taken, taken > 0, True
    # What was not taken is due for longest now, so only that much is read one by one.
    due = store.schedules.due(now, min(stay, BATCH_SIZE))
    syncs_made, same = _dispatch_each(store, hints, due, now, on)
    return taken + syncs_made, bool(taken or due), same


def _dispatch_each(
    store: Store, hints: Hints, due: list[Due], now: int, on: ActivePauses
) -> tuple[int, bool]:
    """Dispatch due schedules one by one, for some seconds at most: the rest stays due.

    Return the count of syncs, and whether the pauses are unchanged.
    """
    free, same = pauses.hold_back(store, due, on)
    decided, until = list[Dispatch](), time.monotonic() + ROUND_SECONDS
    for one in free:
        decided.append(dispatch_of(store, one, now))
        if time.monotonic() >= until:  # one may be years late, as after a leap of the clock
            break
    syncs_made, lanes = store.schedules.dispatch(decided, Millis(now * 1000))
    for lane in lanes:
        hints.drain(lane)
    return syncs_made, same


def dispatch_of(store: Store, due: Due, now: int) -> Dispatch:
    """Decide what one due schedule comes to; one that does not run any more leaves the list.

    One that fails, as when this host does not know its time zone, must not keep the others
    waiting: it is tried again in an hour, and logged each time until somebody fixes it.
    """
    decision = None
    if due.plan is not None and due.plan.running:
        try:
            decision = decide_due(due.plan, due.due, now, due.key, due.why or NOTHING_RAN)
        except Exception as error:
            due = replace(due, fault=f"{type(error).__name__}: {error}")
    if due.fault:
        log.error("schedule.unusable", company_id=due.company_id, fault=due.fault[:200])
        period = f"{iso_from_ms(Millis(due.due * 1000))[:13]}Z"
        decision = DueDecision(now + HOUR, (), Missed((period,), f"{UNUSABLE}: {due.fault}"[:500]))
    if decision is None or not decision.missed:
        return Dispatch(due, decision)
    told = {"data_type": due.data_type, **decision.missed.payload()}
    body = action_body(Micros(now * 1_000_000), told)
    return Dispatch(due, decision, store.inbox.lane_of(due.company_id), body)
