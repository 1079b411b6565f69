"""Decide what a due schedule does: which periods run, which are missed, when it is due next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from relay.syncs.cadence import Run, run_and_next, runs
from relay.syncs.missed import NONE_MISSED, Missed
from relay.syncs.schedule import CatchUp, Schedule, offset_within

GRACE = 600  # seconds; a run this late still counts as on time
CATCH_UP_GAP = 900  # seconds between syncs of missed periods, so that one can end before the next
LATE_SPREAD = 900  # seconds over which late runs are spread, as they all become due at once
NOTHING_RAN = "nothing ran when it was due"
ONE_STANDS = "one sync stands for all missed periods"
SKIPPED = "missed periods are skipped"
TOO_MANY = "more periods passed than are made up for"


@dataclass(slots=True)
class DueDecision:
    """What one due schedule does. Times are epoch seconds; a run's time is when it may start."""

    next_due: int
    runs: tuple[Run, ...]
    missed: Missed = NONE_MISSED


def decide_due(
    schedule: Schedule, due: int, now: int, key: bytes = b"", why: str = NOTHING_RAN
) -> DueDecision:
    """Decide at `now` what `schedule` does, which was due at `due`.

    When it is late, its catch-up rule decides about the periods that passed; `why` says whether
    nothing ran or a pause held it back. `key` identifies the schedule when it names no company.
    """
    key = key or schedule.key
    s, offset = schedule, offset_within(schedule.spread, key)
    this, following = run_and_next(s.cadence, s.anchor, s.zone, s.every, due - offset)
    next_due = following.due + offset
    if now < next_due and now - due <= GRACE:
        return DueDecision(next_due, (Run(now, this.period),))
    # One walk: after a jump of the clock there may be many thousands of periods.
    passed: list[Run] = []
    for run in runs(replace(s, spread=0), this.due - 1):
        if run.due + offset > now and passed:
            break
        passed.append(Run(run.due + offset, run.period))
    made_up, missed = _catch_up(schedule, passed, now, key, why)
    return DueDecision(run.due + offset, made_up, missed)


class OnTimeSlot(NamedTuple):
    """When the runs of one period are due, from `start` to before `end` (epoch seconds).

    It holds for all schedules with the same plan. `step` seconds later comes the next period.
    """

    start: int
    end: int
    step: int
    period: str


def on_time_slots(plan: Schedule, now: int) -> tuple[OnTimeSlot, ...]:
    """Return the periods of `plan` in which a run due by `now` is on time.

    For a run in such a slot `decide_due` says the same. A period is left out when the next one
    begins within the spread or the grace time, as when clocks change.
    """
    found: list[OnTimeSlot] = []
    at = now - GRACE - plan.spread
    while True:
        this, following = run_and_next(plan.cadence, plan.anchor, plan.zone, plan.every, at)
        if this.due > now:
            return tuple(found)
        gap, width = following.due - this.due, max(plan.spread, 1)
        if gap >= width and gap > GRACE:
            found.append(OnTimeSlot(this.due, this.due + width, gap, this.period))
        at = this.due + 1


def _catch_up(
    schedule: Schedule, passed: list[Run], now: int, key: bytes, why: str
) -> tuple[tuple[Run, ...], Missed]:
    """Return the runs that make up for the periods that passed, and the periods without a run."""
    late = now - passed[-1].due > GRACE
    start = now + (offset_within(LATE_SPREAD, key) if late else 0)
    if schedule.catch_up is CatchUp.SKIP and late:
        return (), _missed(passed, why, SKIPPED)
    if schedule.catch_up is CatchUp.ALL:
        kept = passed[-max(1, schedule.cap) :]
        made_up = tuple(Run(start + CATCH_UP_GAP * n, run.period) for n, run in enumerate(kept))
        return made_up, _missed(passed[: -len(kept)], why, TOO_MANY)
    rule = SKIPPED if schedule.catch_up is CatchUp.SKIP else ONE_STANDS
    return (Run(start, passed[-1].period),), _missed(passed[:-1], why, rule)


def _missed(passed: Iterable[Run], why: str, rule: str) -> Missed:
    return Missed.of((run.period for run in passed), f"{why}; {rule}")
