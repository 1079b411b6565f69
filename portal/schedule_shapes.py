"""How a schedule looks to those who ask the API, with its coming runs."""

from collections.abc import Sequence
from itertools import islice

from pydantic import BaseModel

from relay.cadence import Schedule, runs
from relay.store import Store
from relay.times import iso_from_ms


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
    next_due: str | None


class ScheduleRuns(ScheduleShape):
    """A schedule and when it runs next; none while it is suspended or off."""

    next_runs: list[str]
    saved: bool


def shape(schedule: Schedule, next_due: int | None) -> ScheduleShape:
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
    )


def with_runs(schedule: Schedule, after: int, count: int, *, saved: bool) -> ScheduleRuns:
    """Give a schedule with its first `count` runs later than `after` (epoch seconds)."""
    coming = [r.due for r in islice(runs(schedule, after), count)] if schedule.running else []
    return ScheduleRuns(
        **shape(schedule, coming[0] if coming else None).model_dump(),
        next_runs=[iso(due) for due in coming],
        saved=saved,
    )


def of_company(store: Store, company_id: str) -> list[ScheduleShape]:
    """Give a company's schedules by data type, suspended ones too."""
    schedules: Sequence[Schedule] = sorted(
        store.schedules.of(company_id).values(), key=lambda schedule: schedule.data_type
    )
    due = store.schedules.next_due(schedules)
    return [shape(schedule, at) for schedule, at in zip(schedules, due, strict=True)]


def iso(seconds: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC."""
    return iso_from_ms(seconds * 1000)
