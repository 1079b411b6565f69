"""Write a change of a schedule, and put its action into the company's lane, in one step."""

from relay.inbox.message import Action
from relay.queues import Hints
from relay.store import Store
from relay.syncs.change import Change, Rescheduling, reschedule
from relay.times import now_micros

ACTION_TYPE = "relay.schedules_changed"


def write(
    store: Store, hints: Hints, change: Change, *, now: int, cause: str, earliest: int | None = None
) -> bool:
    """Write a change; return False when the schedule is no longer as it was before the change.

    `now` and `earliest`, the first time it may run, are in epoch seconds. `cause` must be unique.
    """
    schedule = change.schedule
    at = store.schedules.standing(schedule.company_id, schedule.data_type)
    if at.schedule != change.before:
        return False
    to = reschedule(at, change.after, now, earliest)
    if change.before == change.after and to.score == at.score:
        return True
    lane = store.inbox.lane_of(schedule.company_id)
    action = Action(cause, ACTION_TYPE, schedule.company_id, now_micros(), _payload(change, to))
    written, wake = store.schedules.write(at, change, to, lane, action)
    if wake:
        hints.drain(lane)
    return written


def _payload(change: Change, to: Rescheduling) -> dict[str, object]:
    schedule = change.schedule
    one = {
        "change": change.kind,
        "data_type": schedule.data_type,
        "cadence": schedule.cadence,
        "origin": schedule.origin,
        "reason": schedule.suspended,
        "passed": [missed.payload() for missed in to.missed],
    }
    return {"schedules": [one]}
