"""Set and remove schedules: each change is written with its company's action, in one step."""

from collections.abc import Sequence
from dataclasses import replace

from relay.companies.company import Company, CompanyStatus
from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.errors import Conflict, NotFound
from relay.store import Store
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.change import Change, Rescheduling, calendar, reschedule
from relay.syncs.definition import Definition
from relay.syncs.schedule import Schedule
from relay.times import Millis, now_micros

ACTION_TYPE = "relay.schedules_changed"
MAX_TRIES = 3  # the schedule may change between our read and our write
NO_SCHEDULE = "This company has no schedule for this data type."
CONTENDED = "Someone else is changing this schedule. Look at it and try again."


def schedule_for(company: Company, data_type: str, definition: Definition, now: int) -> Schedule:
    """Return the schedule that a definition means for a company, suspended unless it is linked.

    `now` is in ms.
    """
    linked = company.status is CompanyStatus.LINKED
    suspended = None if linked else f"the company is {company.status}"
    return definition.schedule(company.id, data_type).suspend(suspended, now // 1000)


def set_schedule(store: Store, hints: Hints, schedule: Schedule, *, by: str, now: int) -> bool:
    """Write a schedule over any there is, and watch its freshness; return whether it is new.

    `now` is in ms. Raises Conflict when others keep changing it.
    """
    for _ in range(MAX_TRIES):
        held = store.schedules.of(schedule.company_id).get(schedule.data_type)
        after = schedule
        if held and held.suspended and schedule.suspended and calendar(held) == calendar(schedule):
            after = replace(schedule, suspended_at=held.suspended_at)
        if _write_for(store, hints, Change(held, after), by, now):
            _watch_freshness(store, schedule, by, now)
            return held is None
    raise Conflict(CONTENDED)


def remove_schedule(
    store: Store, hints: Hints, company_id: str, data_type: str, *, by: str, now: int
) -> None:
    """Remove a schedule at `now` (ms); raises NotFound, or Conflict when contended."""
    for _ in range(MAX_TRIES):
        held = store.schedules.of(company_id).get(data_type)
        if held is None:
            raise NotFound(NO_SCHEDULE)
        if _write_for(store, hints, Change(held, None), by, now):
            return
    raise Conflict(CONTENDED)


def settle_keep_alive(
    store: Store, hints: Hints, company_ids: Sequence[str], *, by: str, now: int
) -> None:
    """Enqueue, at `now` (ms), the check that these companies are synced at all.

    A person has just changed their schedules, and an idle company would lose its authorisation.
    """
    if not company_ids:
        return
    cause = f"api:{by}"
    store.intents.put(
        [
            NewIntent(
                intent_name("cadence", one, "keep"),
                one,
                Priority.LOCAL,
                Millis(now),
                cause,
                {"keep": True},
            )
            for one in company_ids
        ],
        Millis(now),
    )
    if store.intents.may_hint():
        hints.perform()


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


def _write_for(store: Store, hints: Hints, change: Change, by: str, now: int) -> bool:
    cause = f"api:{by}:{change.schedule.data_type}:{now_micros()}"
    return write(store, hints, change, now=now // 1000, cause=cause)


def _watch_freshness(store: Store, schedule: Schedule, by: str, now: int) -> None:
    """Enqueue the watch of when a schedule's data grows stale: one watch per company."""
    if schedule.fresh:
        company_id = schedule.company_id
        watch = NewIntent(
            intent_name("fresh", company_id), company_id, Priority.LOCAL, Millis(now), f"api:{by}"
        )
        store.intents.put([watch], Millis(now))


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
