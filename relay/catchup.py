"""What a due schedule comes to: which periods run, which were missed, and when it is due next."""

from collections import deque
from dataclasses import dataclass

from relay.cadence import CatchUp, Run, Schedule, offset_within, step

GRACE = 600  # seconds by which a run may be late and still count as on time
GAP = 900  # seconds between the syncs that make up for missed periods: one must end first
LATE_SPREAD = 900  # seconds over which runs are spread that all became due at one moment
MOST_PERIODS = 1000  # of one schedule that are told one by one as missed
ONE_STANDS = "nothing ran when it was due; one sync stands for all missed periods"
SKIPPED = "nothing ran when it was due; missed periods are skipped"
TOO_MANY = "nothing ran when it was due; more periods passed than are made up for"


@dataclass(slots=True)
class Turn:
    """What one due schedule comes to; times are epoch seconds, a run's is when it may leave."""

    next_due: int
    runs: tuple[Run, ...]
    missed: tuple[str, ...] = ()
    reason: str = ""


def take_turn(schedule: Schedule, due: int, now: int, key: bytes = b"", last: str = "") -> Turn:
    """Decide what `schedule`, due at `due`, comes to at `now`.

    It may be late because nothing ran, or because a pause held it back: then its catch-up rule
    says what becomes of the periods that passed. `key` says whose it is, where the schedule itself
    does not; `last` is the period that was taken last, and none up to it is taken again.
    """
    key = key or schedule.key
    s, offset = schedule, offset_within(schedule.spread, key)
    this, following = step(s.cadence, s.anchor, s.zone, s.every, due - offset)
    next_due = following.due + offset
    if now < next_due and now - due <= GRACE:
        runs = (Run(now, this.period),) if this.period > last else ()
        return Turn(next_due, runs)
    passed = deque([Run(this.due + offset, this.period)], MOST_PERIODS)
    while following.due + offset <= now:
        passed.append(Run(following.due + offset, following.period))
        this, following = step(s.cadence, s.anchor, s.zone, s.every, following.due)
    left = [run for run in passed if run.period > last]
    return _late(schedule, left, following.due + offset, now, key)


def _late(schedule: Schedule, passed: list[Run], next_due: int, now: int, key: bytes) -> Turn:
    if not passed:
        return Turn(next_due, ())
    late = now - passed[-1].due > GRACE
    leave = now + (offset_within(LATE_SPREAD, key) if late else 0)
    if schedule.catch_up is CatchUp.SKIP and late:
        return Turn(next_due, (), _periods(passed), SKIPPED)
    if schedule.catch_up is CatchUp.ALL:
        kept = passed[-max(1, schedule.cap) :]
        made_up = tuple(Run(leave + GAP * n, run.period) for n, run in enumerate(kept))
        return Turn(next_due, made_up, _periods(passed[: -len(kept)]), TOO_MANY)
    reason = SKIPPED if schedule.catch_up is CatchUp.SKIP else ONE_STANDS
    return Turn(next_due, (Run(leave, passed[-1].period),), _periods(passed[:-1]), reason)


def _periods(passed: list[Run]) -> tuple[str, ...]:
    return tuple(run.period for run in passed)
