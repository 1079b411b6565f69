"""Write and read the store directly, where a test needs no more than that."""

from relay.store import Store, keys
from relay.syncs.cadence import next_run
from relay.syncs.change import Change, Rescheduling, first_run, last_periods
from relay.syncs.schedule import Schedule


def put_schedule(
    store: Store, schedule: Schedule, next_due: int | None, *, over: Schedule | None
) -> bool:
    """Set a schedule that is still `over` (None: there is none); False if it has changed.

    `next_due` is in epoch seconds, whatever was due before; None keeps it from running.
    """
    at = store.schedules.standing(schedule.company_id, schedule.data_type)
    if at.schedule != over:
        return False
    ran = last_periods(at)
    if next_due is not None and next_run(schedule, next_due - 1).due == next_due:
        next_due = first_run(schedule, next_due - 1, ran).due
    return store.schedules.write(at, Change(over, schedule), Rescheduling(next_due, ran=ran))[0]


def remove_schedule(store: Store, schedule: Schedule) -> bool:
    """Remove a schedule without an event; False if it changed meanwhile."""
    at = store.schedules.standing(schedule.company_id, schedule.data_type)
    if at.schedule != schedule:
        return False
    return store.schedules.write(at, Change(schedule, None), Rescheduling(ran=last_periods(at)))[0]


def stored_intent(store: Store, name: str) -> dict[str, str] | None:
    """Return one intent's record, or None."""
    record = store.client.hgetall(keys.INTENT + name)
    return {k.decode(): v.decode() for k, v in record.items()} or None
