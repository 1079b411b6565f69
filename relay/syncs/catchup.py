"""What a due schedule comes to: which periods run, which were missed, and when it is due next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from relay.syncs.cadence import Run, run_and_next, runs
from relay.syncs.missed import NONE_MISSED, Missed
from relay.syncs.schedule import CatchUp, Schedule, offset_within

GRACE = 600  # seconds by which a run may be late and still count as on time
CATCH_UP_GAP = 900  # seconds between the syncs that make up for missed periods: one must end first
LATE_SPREAD = 900  # seconds over which runs are spread that all became due at one moment
NOTHING_RAN = "nothing ran when it was due"
ONE_STANDS = "one sync stands for all missed periods"
SKIPPED = "missed periods are skipped"
TOO_MANY = "more periods passed than are made up for"


@dataclass(slots=True)
class DueDecision:
    """What one due schedule comes to; times are epoch seconds, a run's is when it may leave."""

    next_due: int
    runs: tuple[Run, ...]
    missed: Missed = NONE_MISSED


def decide_due(
    schedule: Schedule, due: int, now: int, key: bytes = b"", why: str = NOTHING_RAN
) -> DueDecision:
    """Decide what `schedule`, due at `due`, comes to at `now`.

    It may be late because nothing ran, or because a pause held it back (`why` says which): then
    its catch-up rule says what becomes of the periods that passed. `key` says whose it is, where
    the schedule itself does not.
    """
    key = key or schedule.key
    s, offset = schedule, offset_within(schedule.spread, key)
    this, following = run_and_next(s.cadence, s.anchor, s.zone, s.every, due - offset)
    next_due = following.due + offset
    if now < next_due and now - due <= GRACE:
        return DueDecision(next_due, (Run(now, this.period),))
    # Walked in one go, as after a leap of the clock there may be many thousands.
    passed: list[Run] = []
    for run in runs(replace(s, spread=0), this.due - 1):
        if run.due + offset > now and passed:
            break
        passed.append(Run(run.due + offset, run.period))
    left, missed = _late(schedule, passed, now, key, why)
    return DueDecision(run.due + offset, left, missed)


class OnTimeSlot(NamedTuple):
    """Where the runs of one period stand, of all who share a plan: from `start` to before `end`.

    Epoch seconds; `step` more is the same place in the next period.
    """

    start: int
    end: int
    step: int
    period: str


def on_time_slots(plan: Schedule, now: int) -> tuple[OnTimeSlot, ...]:
    """Give the periods of `plan` in which a run that is due by `now` is on time.

    A run that stands in one comes to just what `decide_due` says. Periods that are nearer to the
    next than runs are spread, or may be late, as when clocks change, are left out.
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


def _late(
    schedule: Schedule, passed: list[Run], now: int, key: bytes, why: str
) -> tuple[tuple[Run, ...], Missed]:
    """Give the runs that make up for what passed, and the periods that have none."""
    late = now - passed[-1].due > GRACE
    leave = now + (offset_within(LATE_SPREAD, key) if late else 0)
    if schedule.catch_up is CatchUp.SKIP and late:
        return (), _missed(passed, why, SKIPPED)
    if schedule.catch_up is CatchUp.ALL:
        kept = passed[-max(1, schedule.cap) :]
        made_up = tuple(Run(leave + CATCH_UP_GAP * n, run.period) for n, run in enumerate(kept))
        return made_up, _missed(passed[: -len(kept)], why, TOO_MANY)
    rule = SKIPPED if schedule.catch_up is CatchUp.SKIP else ONE_STANDS
    return (Run(leave, passed[-1].period),), _missed(passed[:-1], why, rule)


def _missed(passed: Iterable[Run], why: str, rule: str) -> Missed:
    return Missed.of((run.period for run in passed), f"{why}; {rule}")
