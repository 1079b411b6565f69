"""How a schedule looks to those who ask the API, with its coming runs."""

from collections.abc import Sequence
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, Field

from portal.api.schedules import held_back
from portal.api.schedules.held_back import HeldBack
from relay.companies.company import Company
from relay.store import Store
from relay.syncs.cadence import runs
from relay.syncs.pause import Pause
from relay.syncs.schedule import Schedule
from relay.times import Moment, iso_from_ms

FAR = 32_503_680_000  # the year 3000, in epoch seconds


class ScheduleShape(BaseModel):
    """When one data type of one company is synced."""

    company_id: str
    data_type: str
    cadence: str
    minute: int
    hour: int
    weekday: int
    day: int
    timezone: str
    spread: int
    every: int
    catch_up: str
    cap: int
    fresh: int
    off: bool
    origin: str
    suspended: str | None
    next_due: Moment | None
    paused: HeldBack | None


class ScheduleRuns(ScheduleShape):
    """A schedule and when it runs next; none while it is suspended, off, or paused without end."""

    next_runs: list[Moment]
    saved: bool
    warnings: Annotated[
        list[str],
        Field(description="Of a preview: where Codat's limits would not cover the load then."),
    ] = []


def shape(
    schedule: Schedule, next_due: int | None, paused: HeldBack | None = None
) -> ScheduleShape:
    """Give a schedule as the API shows it; `next_due` in epoch seconds."""
    return ScheduleShape(
        company_id=schedule.company_id,
        data_type=schedule.data_type,
        cadence=schedule.cadence,
        minute=schedule.anchor.minute,
        hour=schedule.anchor.hour,
        weekday=schedule.anchor.weekday,
        day=schedule.anchor.day,
        timezone=schedule.zone,
        spread=schedule.spread,
        every=schedule.every,
        catch_up=schedule.catch_up,
        cap=schedule.cap,
        fresh=schedule.fresh,
        off=schedule.off,
        origin=schedule.origin,
        suspended=schedule.suspended,
        next_due=None if next_due is None else iso(next_due),
        paused=paused,
    )


def with_runs(
    store: Store, schedule: Schedule, now: int, count: int, *, saved: bool
) -> ScheduleRuns:
    """Give a schedule with its first `count` runs later than `now` (epoch seconds).

    A pause that holds the next one back leaves out those that fall into it.
    """
    due = next(runs(schedule, now)).due if schedule.running else None
    if saved:
        [due] = store.schedules.next_due([schedule])
    [pause] = held_back.pauses_of(store, [schedule], [due], now)
    after = now if pause is None else pause.until(now)
    coming: list[int] = []
    if schedule.running and after is not None:
        coming = [r.due for r in islice(runs(schedule, after), count)]
    return ScheduleRuns(
        **shape(schedule, due, held_back.shape(pause, now)).model_dump(),
        next_runs=[iso(due) for due in coming],
        saved=saved,
    )


def of_company(store: Store, company: Company, now: int) -> list[ScheduleShape]:
    """Give a company's schedules by data type, suspended ones too; `now` in epoch seconds."""
    schedules = sorted(
        store.schedules.of(company.id).values(), key=lambda schedule: schedule.data_type
    )
    due = store.schedules.next_due(schedules)
    pauses = held_back.pauses_of(store, schedules, due, now, {company.id: company})
    return _shapes(schedules, due, pauses, now)


def coming(store: Store, limit: int, now: int) -> list[ScheduleShape]:
    """Give the schedules that run next, over all companies, the soonest first."""
    found = [(one.schedule, one.due) for one in store.schedules.due(FAR, limit)]
    schedules = [schedule for schedule, _ in found if schedule]
    due = [at for schedule, at in found if schedule]
    return _shapes(schedules, due, held_back.pauses_of(store, schedules, due, now), now)


def waiting(store: Store, limit: int, now: int) -> list[ScheduleShape]:
    """Give the schedules that wait for the end of a pause, the longest due first."""
    names = store.pauses.held_back(limit)
    held = store.schedules.of_many(list(dict.fromkeys(company_id for company_id, _ in names)))
    schedules = [held[c][data_type] for c, data_type in names if data_type in held[c]]
    due = store.schedules.next_due(schedules)
    return _shapes(schedules, due, held_back.pauses_of(store, schedules, due, now), now)


def _shapes(
    schedules: Sequence[Schedule],
    due: Sequence[int | None],
    pauses: Sequence[Pause | None],
    now: int,
) -> list[ScheduleShape]:
    rows = zip(schedules, due, pauses, strict=True)
    return [shape(schedule, at, held_back.shape(pause, now)) for schedule, at, pause in rows]


def iso(seconds: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC."""
    return iso_from_ms(seconds * 1000)
