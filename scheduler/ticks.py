"""What the clock does each time: hint what lies waiting, dispatch what is due, drop what is old."""

import structlog

from relay.cadence import missed_runs, next_run
from relay.message import action_body
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.intents import Need, Priority
from relay.store.schedules import Dispatch, Due
from relay.times import now_ms

HINT_IS_OLD = 2000  # ms; a lane still waiting then gets another hint
BATCH = 500  # schedules dispatched per call
DAY_MS = 86_400_000
MISSED = "nothing ran when it was due; one sync stands for all missed periods"

log = structlog.get_logger(__name__)


def sweep(store: Store, hints: Hints) -> int:
    """Hint waiting lanes, due intents and deliveries again; give how many hints were sent."""
    lanes = store.inbox.sweep(HINT_IS_OLD)
    for lane in lanes:
        hints.drain(lane)
    due = store.intents.any_due(now_ms()) and store.intents.may_hint()
    if due:
        hints.perform()
    subscriptions = store.subscriptions
    late = subscriptions.any_due(now_ms(), store.events.last()) and subscriptions.may_hint()
    if late:
        hints.deliver()
    return len(lanes) + due + late


def dispatch(store: Store, hints: Hints, now: int) -> int:
    """Turn every schedule due by `now` (epoch seconds) into a sync intent; give how many."""
    left = 0
    while due := store.schedules.due(now, BATCH):
        count, lanes = store.schedules.dispatch(
            [dispatch_of(one, now, store.inbox.lane_of(one.schedule.company_id)) for one in due],
            now * 1000,
        )
        left += count
        for lane in lanes:
            hints.drain(lane)
    if left:
        log.info("schedules.dispatched", syncs=left)
        if store.intents.may_hint():
            hints.perform()
    return left


def dispatch_of(due: Due, now: int, lane: int) -> Dispatch:
    """Decide what one due schedule comes to: the latest period runs, earlier ones were missed."""
    schedule = due.schedule
    # The due time itself stands for a period: the first run after the second before it.
    passed = [next_run(schedule, due.due - 1), *missed_runs(schedule, due.due, now)]
    current, missed = passed[-1], passed[:-1]
    facts = {"data_type": schedule.data_type, "period": current.period}
    body = b""
    if missed:
        periods = [run.period for run in missed]
        told = {"data_type": schedule.data_type, "periods": periods, "reason": MISSED}
        body = action_body(now * 1_000_000, told)
    name = f"sync:{schedule.company_id}:{schedule.data_type}:{current.period}"
    need = Need(name, schedule.company_id, Priority.SCHEDULED, now * 1000, "schedule", facts)
    return Dispatch(
        schedule=schedule,
        due=due.due,
        next_due=next_run(schedule, now).due,
        period=current.period,
        need=need,
        lane=lane,
        missed=body,
    )


def trim(store: Store, settings: Settings) -> int:
    """Drop applied messages older than they are to be kept; give how many."""
    dropped = store.inbox.trim(now_ms() - settings.relay_message_days * DAY_MS)
    if dropped:
        log.info("messages.trimmed", messages=dropped)
    return dropped
