"""Work at intervals: lost hints again, journeys that expire, what is too old to keep.

Each function may run at any time and on several machines. Dispatching schedules is in
`dispatch.py`.
"""

import structlog

from relay.budget import may_be_claimed
from relay.events.retention import Retention
from relay.inbox.message import Action
from relay.journeys.journey import Step
from relay.journeys.rules import expire
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.settings import Settings
from relay.store import Store
from relay.store.companies.erasure import Erasing
from relay.store.intents.queue import NewIntent, Priority
from relay.store.server.files import write_files_anew
from relay.times import Micros, Millis, now_micros

MAX_WAIT_MS = Millis(2000)  # a lane that waits for longer gets another hint
DAY_MS = 86_400_000
NIGHTLY_MS = 2 * 3_600_000  # after midnight UTC, when Codat's daily quota is fresh
PRUNE_ROUNDS = 200  # of a thousand keys each, every time old events are dropped
WARN_PART = 10  # a reader is warned when this part of the log's hard limit is left

log = structlog.get_logger(__name__)


def sweep(store: Store, hints: Hints) -> int:
    """Send hints again for lanes, intents, deliveries and replays that wait; return how many.

    Hints of replays are not counted.
    """
    lanes = 0
    for lane in store.inbox.sweep(MAX_WAIT_MS):
        if not hints.drain(lane):  # a hint waits for each worker already; these serve all lanes
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


def expire_journeys(store: Store, hints: Hints, now: int) -> int:
    """End journeys whose time is over by `now` (ms since the epoch); return how many."""
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
    """Request a new read of Codat's integrations once a night; report whether one was due.

    Until it is done, those of the day before serve. `now` is in ms.
    """
    night = (now - NIGHTLY_MS) // DAY_MS * DAY_MS + NIGHTLY_MS
    held = store.platforms.read()
    if held and night <= held[0] <= now + DAY_MS:  # a later time came from a wrong clock
        return False
    store.intents.put(
        [NewIntent("platforms:all", "", Priority.RECONCILE, Millis(now), "nightly")], Millis(now)
    )
    if store.intents.may_hint():
        hints.perform()
    return True


def finish_forgetting(store: Store, hints: Hints) -> int:
    """Finish forgetting companies where it broke off, in the server's files too; return a count."""
    done = 0
    for company_id, by in store.erasure.unfinished().items():
        try:
            if store.erasure.forget(company_id, by) is None:
                continue
        except Erasing:
            continue  # another process is at it now
        done += 1
        hints.drain(store.inbox.lane_of(company_id))
        log.info("company.forgotten", company_id=company_id)
    write_files_anew(store.client)
    return done


def trim(store: Store, settings: Settings) -> int:
    """Drop applied messages that are too old, and intents given up; return how many messages."""
    before = store.now_ms() - settings.relay_message_days * DAY_MS
    dropped = store.inbox.trim(Millis(before))
    if given_up := store.intents.drop_dead(Millis(before)):
        log.info("intents.trimmed", intents=given_up)
    if dropped:
        log.info("messages.trimmed", messages=dropped)
    return dropped


def trim_log(store: Store, settings: Settings, hints: Hints) -> int:
    """Drop old events that all have read, or beyond the hard limit; return the last number."""
    now, retention = store.now_ms(), settings.retention
    store.events.prune_timelines(PRUNE_ROUNDS)
    warn_readers_near_limit(store, retention, hints, now)
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


def warn_readers_near_limit(store: Store, retention: Retention, hints: Hints, now: int) -> None:
    """Log, once a day, each reader that will soon lose events it has not read."""
    days = max(1, retention.hard_days // WARN_PART)
    for name, cursor in store.trimming.near_the_limit(Millis(now), retention, days).items():
        facts = {"reader": name, "cursor": str(cursor), "days": days}
        action_id = f"limit:{name}:{now // DAY_MS}"
        enqueue_action(
            store, hints, Action(action_id, "relay.log_limit_neared", "", Micros(now * 1000), facts)
        )
