"""What the clock does each time: hint what lies waiting, dispatch what is due, drop what is old."""

import structlog

from relay.budget import open_priorities
from relay.catchup import NOTHING_RAN, take_turn
from relay.journeys import Step, expired
from relay.message import Action, action_body
from relay.pause import Pause, Scope
from relay.queues import Hints
from relay.retention import Retention
from relay.settings import Settings
from relay.store import Store
from relay.store.erasure import Erasing
from relay.store.files import write_files_anew
from relay.store.intents import Need, Priority
from relay.store.schedules import Dispatch, Due
from relay.telling import tell
from relay.times import now_micros, now_ms
from scheduler import pausing

HINT_IS_OLD = 2000  # ms; a lane still waiting then gets another hint
BATCH = 300  # schedules dispatched per call: a few ms of the server's time
DAY_MS = 86_400_000
NIGHTLY_MS = 2 * 3_600_000  # after midnight UTC, when Codat's daily quota is fresh
WARN_PART = 10  # of the log's hard limit: so long before it, those who are behind are told of

log = structlog.get_logger(__name__)


def sweep(store: Store, hints: Hints) -> int:
    """Hint waiting lanes, due intents and deliveries again; give how many hints were sent."""
    lanes = store.inbox.sweep(HINT_IS_OLD)
    for lane in lanes:
        hints.drain(lane)
    now = now_ms()
    may_go = open_priorities(store.budget.state(now), now)
    due = store.intents.any_due(now, may_go) and store.intents.may_hint()
    if due:
        hints.perform()
    subscriptions = store.subscriptions
    late = subscriptions.any_due(now_ms(), store.events.last()) and subscriptions.may_hint()
    if late:
        hints.deliver()
    replays = store.replays.running()
    if replays and store.replays.may_hint():
        for replay_id in replays:
            hints.replay(replay_id)
    return len(lanes) + due + late


def dispatch(store: Store, hints: Hints, now: int) -> int:
    """Turn every schedule due by `now` (epoch seconds) into a sync intent; give how many."""
    left = 0
    pauses = pausing.follow(store, hints, now)
    while True:
        taken, stay = _take_due(store, now, pauses)
        looked_at = _look_at_each(store, hints, now, pauses) if stay else (0, 0)
        left += taken + looked_at[1]
        if not taken and not looked_at[0]:
            break
    if left:
        log.info("schedules.dispatched", syncs=left)
        if store.intents.may_hint():
            hints.perform()
    return left


def _take_due(store: Store, now: int, pauses: list[Pause]) -> tuple[int, int]:
    """Dispatch what needs no look at each; give how many syncs were left, and how many stay due."""
    if all(pause.scope in (Scope.COMPANY, Scope.DATA_TYPE) for pause in pauses):
        return store.schedules.take_due(now, BATCH, [pause.value for pause in pauses])
    return 0, BATCH


def _look_at_each(store: Store, hints: Hints, now: int, pauses: list[Pause]) -> tuple[int, int]:
    """Dispatch some due schedules one by one; give how many were looked at, and syncs left."""
    found = store.schedules.due(now, BATCH)
    batch = [dispatch_of(store, one, now) for one in pausing.hold_back(store, found, pauses)]
    left, lanes = store.schedules.dispatch(batch, now * 1000)
    for lane in lanes:
        hints.drain(lane)
    return len(found), left


def dispatch_of(store: Store, due: Due, now: int) -> Dispatch:
    """Decide what one due schedule comes to; one that does not run any more leaves the list."""
    if due.plan is None or not due.plan.running:
        return Dispatch(due, None)
    turn = take_turn(due.plan, due.due, now, due.key, due.why or NOTHING_RAN)
    if not turn.missed:
        return Dispatch(due, turn)
    told = {"data_type": due.data_type, **turn.missed.payload()}
    body = action_body(now * 1_000_000, told)
    return Dispatch(due, turn, store.inbox.lane_of(due.company_id), body)


def expire_journeys(store: Store, hints: Hints, now: int) -> int:
    """End journeys whose time is over by `now` (ms since the epoch); give how many."""
    ended = 0
    for journey_id in store.journeys.over(now):
        moved = store.journeys.change(journey_id, lambda journey: expired(journey, now))
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
    if held and held[0] >= night:
        return False
    store.intents.put([Need("platforms:all", "", Priority.SCHEDULED, now, "nightly")], now)
    if store.intents.may_hint():
        hints.perform()
    return True


def finish_forgetting(store: Store, hints: Hints) -> int:
    """Forget the companies whose forgetting broke off, to the server's files; give how many."""
    done = 0
    for company_id, by in store.erasure.unfinished().items():
        try:
            store.erasure.forget(company_id, by)
        except Erasing:
            continue  # by whoever is at it now
        done += 1
        hints.drain(store.inbox.lane_of(company_id))
        log.info("company.forgotten", company_id=company_id)
    write_files_anew(store.client)
    return done


def trim(store: Store, settings: Settings) -> int:
    """Drop applied messages older than they are to be kept; give how many."""
    dropped = store.inbox.trim(now_ms() - settings.relay_message_days * DAY_MS)
    if dropped:
        log.info("messages.trimmed", messages=dropped)
    return dropped


def trim_log(store: Store, settings: Settings, hints: Hints) -> int:
    """Drop old events that every reader has, or the hard limit passes; give up to which."""
    now, retention = now_ms(), settings.retention
    warn_of_the_limit(store, retention, hints, now)
    trimmed = store.trimming.trim(now, retention)
    if trimmed is None:
        return 0
    store.subscriptions.trim(store.events.oldest())
    log.info("log.trimmed", up_to=trimmed.up_to, passed=trimmed.passed)
    if trimmed.passed:
        facts = {"up_to": str(trimmed.up_to), "passed": list(trimmed.passed)}
        action = Action(f"trim:{trimmed.up_to}", "relay.log_trimmed", "", now_micros(), facts)
        tell(store, hints, action)
    return trimmed.up_to


def warn_of_the_limit(store: Store, retention: Retention, hints: Hints, now: int) -> None:
    """Tell, once a day, of each reader that will soon lose events it has not read."""
    days = max(1, retention.hard_days // WARN_PART)
    for name, cursor in store.trimming.near_the_limit(now, retention, days).items():
        facts = {"reader": name, "cursor": str(cursor), "days": days}
        told_id = f"limit:{name}:{now // DAY_MS}"
        tell(store, hints, Action(told_id, "relay.log_limit_neared", "", now * 1000, facts))
