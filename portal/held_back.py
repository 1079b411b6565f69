"""Which pause holds a schedule's next run back, and until when."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pydantic import BaseModel

from relay.cadence import Schedule
from relay.company import Company
from relay.pause import Pause, Scope, covering
from relay.store import Store
from relay.times import Moment, iso_from_ms

LOOKED_AT = 5000  # companies that an estimate looks at
BATCH = 500


class HeldBack(BaseModel):
    """The pause that holds the next run back; without `until`, until somebody ends it."""

    pause: str
    scope: str
    value: str
    owner: str
    reason: str
    until: Moment | None


def pauses_of(
    store: Store,
    schedules: Sequence[Schedule],
    due: Sequence[int | None],
    now: int,
    companies: Mapping[str, Company | None] | None = None,
) -> list[Pause | None]:
    """Give the pause that holds each schedule's next run back, or None.

    It is the one that the schedule waits under already, or one that is on and will still be when
    the schedule falls `due` (epoch seconds). `companies` are looked up when not given.
    """
    found = store.pauses.all()
    if not found:
        return [None] * len(schedules)
    if companies is None:
        companies = {}
        if any(pause.needs_company for pause in found):
            companies = store.companies.get_many({s.company_id for s in schedules})
    on = [(pause, pause.until(now)) for pause in found if pause.is_on(now)]
    parked = store.pauses.holding(found, schedules)
    answer: list[Pause | None] = []
    for schedule, at, waits_under in zip(schedules, due, parked, strict=True):
        if not schedule.running:
            answer.append(None)
            continue
        lasting = [p for p, until in on if until is None or at is None or until > at]
        company = companies.get(schedule.company_id)
        covers = covering(lasting, schedule.company_id, schedule.data_type, company)
        answer.append(covers if at is not None else waits_under or covers)
    return answer


def would_hold_back(store: Store, pause: Pause) -> int:
    """Tell how many schedules that run now a pause speaks of; of many companies an estimate."""
    if pause.scope is Scope.EVERYTHING:
        return store.schedules.count()
    if pause.scope is Scope.COMPANY:
        found = store.schedules.of(pause.value).values()
        return sum(schedule.running for schedule in found)
    covered, looked_at = 0, 0
    for page in batches(islice(store.companies.all(), LOOKED_AT)):
        looked_at += len(page)
        held = store.schedules.of_many([company.id for company in page])
        covered += sum(
            schedule.running and pause.covers(company.id, schedule.data_type, company)
            for company in page
            for schedule in held[company.id].values()
        )
    if looked_at < LOOKED_AT:
        return covered
    return covered * store.companies.count() // looked_at


def batches(companies: Iterable[Company]) -> Iterator[list[Company]]:
    """Give companies a batch at a time."""
    walk = iter(companies)
    while page := list(islice(walk, BATCH)):
        yield page


def shape(pause: Pause | None, now: int) -> HeldBack | None:
    """Give a pause as a schedule shows it."""
    if pause is None:
        return None
    until = pause.until(now)
    return HeldBack(
        pause=pause.id,
        scope=pause.scope,
        value=pause.value,
        owner=pause.owner,
        reason=pause.reason,
        until=None if until is None else iso_from_ms(until * 1000),
    )
