"""Write a change of a schedule, and tell its company's lane what it comes to, in one step."""

from relay.inbox.message import Action
from relay.queues import Hints
from relay.store import Store
from relay.syncs.change import Change, Rescheduling, reschedule
from relay.times import now_micros

TOLD = "relay.schedules_changed"


def write(
    store: Store, hints: Hints, change: Change, *, now: int, cause: str, earliest: int | None = None
) -> bool:
    """Write a change; False if the schedule is not as it was before it.

    `now` and `earliest`, before which it shall not run, in epoch seconds; `cause` is new each time.
    """
    schedule = change.about
    at = store.schedules.standing(schedule.company_id, schedule.data_type)
    if at.schedule != change.before:
        return False
    to = reschedule(at, change.after, now, earliest)
    if change.before == change.after and to.score == at.score:
        return True
    lane = store.inbox.lane_of(schedule.company_id)
    action = Action(cause, TOLD, schedule.company_id, now_micros(), _told(change, to))
    written, wake = store.schedules.write(at, change, to, lane, action)
    if wake:
        hints.drain(lane)
    return written


def _told(change: Change, to: Rescheduling) -> dict[str, object]:
    schedule = change.about
    one = {
        "change": change.kind,
        "data_type": schedule.data_type,
        "cadence": schedule.cadence,
        "origin": schedule.origin,
        "reason": schedule.suspended,
        "passed": [missed.payload() for missed in to.missed],
    }
    return {"schedules": [one]}
