"""What the clock does each time: hint what lies waiting, dispatch what is due, drop what is old."""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from relay.budget import may_be_claimed
from relay.events.retention import Retention
from relay.inbox.message import Action, action_body
from relay.journeys.journey import Step
from relay.journeys.rules import expire
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.settings import Settings
from relay.store import Store
from relay.store.companies.erasure import Erasing
from relay.store.intents.queue import NewIntent, Priority
from relay.store.schedules.due import Dispatch, Due
from relay.store.server.files import write_files_anew
from relay.syncs.catchup import NOTHING_RAN, DueDecision, decide_due
from relay.syncs.missed import Missed
from relay.syncs.pause import ActivePauses
from relay.syncs.schedule import HOUR
from relay.times import iso_from_ms, now_micros
from scheduler import pauses

HINT_IS_OLD = 2000  # ms; for a lane that waits for longer another hint is sent
BATCH = 300  # schedules looked at one by one per call: a few ms of the server's time
TAKEN = 400  # schedules moved on or parked per call without a look: no more than that
ROUND = 2.0  # seconds of dispatching, then whatever else the clock does has its turn
UNUSABLE = "when this schedule runs cannot be told"
DAY_MS = 86_400_000
NIGHTLY_MS = 2 * 3_600_000  # after midnight UTC, when Codat's daily quota is fresh
PRUNED = 200  # times a thousand keys of the store looked at, each time old events are dropped
WARN_PART = 10  # of the log's hard limit: so long before it, those who are behind are told of

log = structlog.get_logger(__name__)


def sweep(store: Store, hints: Hints) -> int:
    """Hint waiting lanes, due intents and deliveries again; give how many hints were sent."""
    lanes = 0
    for lane in store.inbox.sweep(HINT_IS_OLD):
        if not hints.drain(lane):  # as many hints wait as there are workers: those do for all
            break
        lanes += 1
    now = store.now_ms()
    due = store.intents.any_due(now, may_be_claimed(store, now)) and store.intents.may_hint()
    if due:
        hints.perform()
    subscriptions = store.subscriptions
    late = subscriptions.any_due(now, store.events.last()) and subscriptions.may_hint()
    if late:
        hints.deliver()
    replays = store.replays.running()
    if replays and store.replays.may_hint():
        for replay_id in replays:
            hints.replay(replay_id)
    return lanes + due + late


def dispatch(store: Store, hints: Hints, now: int, between: Callable[[], int] | None = None) -> int:
    """Turn every schedule due by `now` (epoch seconds) into a sync intent; give how many.

    A round ends after some seconds: then pauses are looked at anew, and `between` may do whatever
    else must not wait, and tell how late it is by then.
    """
    left = 0
    while True:
        syncs, more = _round(store, hints, now)
        left += syncs
        if not more:
            return left
        if between is not None:
            now = between()


def _round(store: Store, hints: Hints, now: int) -> tuple[int, bool]:
    """Dispatch for some seconds; give how many syncs were left, and whether more may be due."""
    until = time.monotonic() + ROUND
    on = pauses.follow(store, hints, now)
    left, more, same = 0, True, True
    while more and same:
        syncs, more, same = _batch(store, hints, now, on)
        left += syncs
        if time.monotonic() >= until:
            break
    if left:
        log.info("schedules.dispatched", syncs=left)
        if store.intents.may_hint():
            hints.perform()
    return left, more


def _batch(store: Store, hints: Hints, now: int, on: ActivePauses) -> tuple[int, bool, bool]:
    """Dispatch or park what is due for longest.

    Gives how many syncs were left, whether more may be due, and whether the pauses are still as
    they were.
    """
    if on.everything:
        parked = store.pauses.park_all(on.everything, now, TAKEN)
        return 0, parked != 0, parked is not None
    taken, stay = 0, BATCH
    if not on.needs_company:
        taken, stay = store.schedules.take_due(now, TAKEN, on.names)
    if not stay:
        return taken, taken > 0, True
    # What stays is due for longest by now, so no more need be looked at one by one.
    due = store.schedules.due(now, min(stay, BATCH))
    left, same = _look_at_each(store, hints, due, now, on)
    return taken + left, bool(taken or due), same


def _look_at_each(
    store: Store, hints: Hints, due: list[Due], now: int, on: ActivePauses
) -> tuple[int, bool]:
    """Dispatch due schedules one by one, for some seconds at most: the rest stays due.

    Gives how many syncs were left, and whether the pauses are still as they were.
    """
    free, same = pauses.hold_back(store, due, on)
    decided, until = list[Dispatch](), time.monotonic() + ROUND
    for one in free:
        decided.append(dispatch_of(store, one, now))
        if time.monotonic() >= until:  # years late, as after a leap of the clock, takes long
            break
    left, lanes = store.schedules.dispatch(decided, now * 1000)
    for lane in lanes:
        hints.drain(lane)
    return left, same


def dispatch_of(store: Store, due: Due, now: int) -> Dispatch:
    """Decide what one due schedule comes to; one that does not run any more leaves the list.

    One for which that cannot be told, as when this host does not know its time zone, must not keep
    the others waiting: it is looked at again in an hour, and told until somebody mends it.
    """
    decision = None
    if due.plan is not None and due.plan.running:
        try:
            decision = decide_due(due.plan, due.due, now, due.key, due.why or NOTHING_RAN)
        except Exception as error:
            due = replace(due, fault=f"{type(error).__name__}: {error}")
    if due.fault:
        log.error("schedule.unusable", company_id=due.company_id, fault=due.fault[:200])
        period = f"{iso_from_ms(due.due * 1000)[:13]}Z"
        decision = DueDecision(now + HOUR, (), Missed((period,), f"{UNUSABLE}: {due.fault}"[:500]))
    if decision is None or not decision.missed:
        return Dispatch(due, decision)
    told = {"data_type": due.data_type, **decision.missed.payload()}
    body = action_body(now * 1_000_000, told)
    return Dispatch(due, decision, store.inbox.lane_of(due.company_id), body)


def expire_journeys(store: Store, hints: Hints, now: int) -> int:
    """End journeys whose time is over by `now` (ms since the epoch); give how many."""
    ended = 0
    for journey_id in store.journeys.over(now):
        moved = store.journeys.change(journey_id, lambda journey: expire(journey, now))
        if moved and moved.journey.step is Step.EXPIRED:
            ended += 1
        if moved and moved.lane is not None:
            hints.drain(moved.lane)
    if ended:
        log.info("journeys.expired", journeys=ended)
    return ended


def refresh_platforms(store: Store, hints: Hints, now: int) -> bool:
    """Have Codat's integrations read anew once a night; tell whether they are to be. `now` in ms.

    Until they are read, those of the day before serve.
    """
    night = (now - NIGHTLY_MS) // DAY_MS * DAY_MS + NIGHTLY_MS
    held = store.platforms.read()
    if held and night <= held[0] <= now + DAY_MS:  # read later only by a clock that was wrong
        return False
    store.intents.put([NewIntent("platforms:all", "", Priority.RECONCILE, now, "nightly")], now)
    if store.intents.may_hint():
        hints.perform()
    return True


def finish_forgetting(store: Store, hints: Hints) -> int:
    """Forget the companies whose forgetting broke off, to the server's files; give how many."""
    done = 0
    for company_id, by in store.erasure.unfinished().items():
        try:
            if store.erasure.forget(company_id, by) is None:
                continue
        except Erasing:
            continue  # by whoever is at it now
        done += 1
        hints.drain(store.inbox.lane_of(company_id))
        log.info("company.forgotten", company_id=company_id)
    write_files_anew(store.client)
    return done


def trim(store: Store, settings: Settings) -> int:
    """Drop applied messages older than they are to be kept, and given up work; give how many."""
    before = store.now_ms() - settings.relay_message_days * DAY_MS
    dropped = store.inbox.trim(before)
    if given_up := store.intents.drop_dead(before):
        log.info("intents.trimmed", intents=given_up)
    if dropped:
        log.info("messages.trimmed", messages=dropped)
    return dropped


def trim_log(store: Store, settings: Settings, hints: Hints) -> int:
    """Drop old events that every reader has, or the hard limit passes; give up to which."""
    now, retention = store.now_ms(), settings.retention
    store.events.prune_timelines(PRUNED)
    warn_of_the_limit(store, retention, hints, now)
    trimmed = store.trimming.trim(now, retention)
    if trimmed is None:
        return 0
    store.subscriptions.trim(store.events.oldest())
    log.info("log.trimmed", up_to=trimmed.up_to, passed=trimmed.passed)
    if trimmed.passed:
        facts = {"up_to": str(trimmed.up_to), "passed": list(trimmed.passed)}
        action = Action(f"trim:{trimmed.up_to}", "relay.log_trimmed", "", now_micros(), facts)
        enqueue_action(store, hints, action)
    return trimmed.up_to


def warn_of_the_limit(store: Store, retention: Retention, hints: Hints, now: int) -> None:
    """Tell, once a day, of each reader that will soon lose events it has not read."""
    days = max(1, retention.hard_days // WARN_PART)
    for name, cursor in store.trimming.near_the_limit(now, retention, days).items():
        facts = {"reader": name, "cursor": str(cursor), "days": days}
        told_id = f"limit:{name}:{now // DAY_MS}"
        enqueue_action(
            store, hints, Action(told_id, "relay.log_limit_neared", "", now * 1000, facts)
        )
