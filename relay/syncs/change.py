"""Decide what a change of a schedule does: when it is due then, and which periods get no run."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from relay.syncs.cadence import Run, run_before, runs
from relay.syncs.missed import Missed
from relay.syncs.schedule import Anchor, Cadence, Schedule
from relay.syncs.tracking import COVERED_BY_FIRST

CHANGED = "the schedule was changed before this ran"
REMOVED = "the schedule was removed before this ran"
SWITCHED_OFF = "the schedule was switched off before this ran"


@dataclass(frozen=True, slots=True)
class Change:
    """One schedule to write. `before` is None for a new one, `after` is None for a removed one."""

    before: Schedule | None
    after: Schedule | None

    @property
    def schedule(self) -> Schedule:
        """The schedule as it will be or, when removed, as it was; raises ValueError for neither."""
        schedule = self.after or self.before
        if schedule is None:
            raise ValueError("a change needs a schedule before it, after it, or both")
        return schedule

    @property
    def kind(self) -> str:
        """The kind of change: given (new), removed, suspended, resumed or changed."""
        if self.before is None:
            return "given"
        if self.after is None:
            return "removed"
        if self.before.suspended != self.after.suspended:
            return "suspended" if self.after.suspended else "resumed"
        return "changed"


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as the store holds it; `schedule` is None when there is none.

    `score` is when it is due (epoch seconds), plus a half once the run before was dispatched; None
    when it does not run. `pause` is the pause that it waits for. `ran` names the last periods that
    were dispatched before a change, one for each length of name, such as days and months.
    """

    schedule: Schedule | None = None
    text: bytes = b""  # the schedule as stored
    score: float | None = None
    pause: str | None = None
    ran: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rescheduling:
    """The state after a change, as in `ScheduleState`, and the periods that get no run."""

    score: float | None = None
    pause: str | None = None
    ran: tuple[str, ...] = ()
    missed: tuple[Missed, ...] = ()


def reschedule(
    at: ScheduleState, after: Schedule | None, now: int, earliest: int | None = None
) -> Rescheduling:
    """Decide when a schedule in state `at` runs once it is `after`: from `earliest`, else `now`.

    A schedule that keeps its calendar keeps its due time, however late: its catch-up rule decides.
    For any other, the result names the periods that get no run. Times are epoch seconds.
    """
    before, ran = at.schedule, last_periods(at)
    running = after if after is not None and after.running else None
    ran_on = before is not None and before.running and at.score is not None
    if before and running and ran_on and calendar(before) == calendar(running):
        return Rescheduling(at.score, at.pause, at.ran)
    coming = first_run(running, now, ran) if running else None
    names = (name for name in _dropped(at, after, coming, now) if not _has_run(name, ran))
    dropped = Missed.of(names, _why_dropped(before, after) if before else "")
    if running is None or coming is None:
        return Rescheduling(ran=ran, missed=(dropped,) if dropped else ())
    first = first_run(running, now if earliest is None else earliest, ran)
    waited = takewhile(lambda run: run.due < first.due, runs(running, coming.due - 1))
    covered = Missed.of((run.period for run in waited), COVERED_BY_FIRST)
    return Rescheduling(first.due, ran=ran, missed=tuple(one for one in (dropped, covered) if one))


def calendar(schedule: Schedule) -> tuple[Cadence, int, Anchor, str, int]:
    """Return the fields that decide a schedule's due times."""
    s = schedule
    return s.cadence, s.every, s.anchor, s.zone, s.spread


def last_periods(at: ScheduleState) -> tuple[str, ...]:
    """Return the last periods that were dispatched, one for each length of name."""
    if at.schedule is None or at.score is None or not at.score % 1:
        return at.ran
    period = run_before(at.schedule, int(at.score)).period
    return (*(one for one in at.ran if len(one) != len(period)), period)


def first_run(schedule: Schedule, after: int, ran: tuple[str, ...]) -> Run:
    """Return the first run later than `after` (epoch seconds) whose period has not run yet."""
    return next(run for run in runs(schedule, after) if not _has_run(run.period, ran))


def _has_run(period: str, ran: tuple[str, ...]) -> bool:
    """Report whether `period` is one of these or earlier: names of one length sort by time."""
    return any(len(one) == len(period) and period <= one for one in ran)


def _dropped(
    at: ScheduleState, after: Schedule | None, coming: Run | None, now: int
) -> Iterator[str]:
    """Yield the periods up to `now` that no run will stand for.

    Where periods keep their names, also coming ones that the changed schedule passes over.
    """
    before = at.schedule
    if before is None or before.off:
        return
    if before.suspended:
        if not before.suspended_at or (after and after.suspended_at == before.suspended_at):
            return  # still suspended, for the same time
        since = before.suspended_at
    elif at.score is not None:
        since = int(at.score) - 1
    else:
        return
    alike = after is not None and (before.cadence, before.every) == (after.cadence, after.every)
    for run in runs(before, since):
        named_alike = coming is not None and len(coming.period) == len(run.period)
        if coming is not None and named_alike and run.period >= coming.period:
            return
        if run.due > now and not (alike and named_alike):
            return
        yield run.period


def _why_dropped(before: Schedule, after: Schedule | None) -> str:
    if before.suspended:
        return before.suspended
    if after is None:
        return REMOVED
    if after.suspended:
        return after.suspended
    return SWITCHED_OFF if after.off else CHANGED
