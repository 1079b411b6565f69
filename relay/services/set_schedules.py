"""Set or remove one schedule of many companies, and work out what that does to the load."""

from collections.abc import Sequence
from dataclasses import dataclass

from codat.records import read_id
from relay.companies.company import Company
from relay.queues import Hints
from relay.services.errors import Refused
from relay.services.set_schedule import (
    remove_schedule,
    schedule_for,
    set_schedule,
    settle_keep_alive,
)
from relay.store import Store
from relay.syncs.cadence import next_run
from relay.syncs.definition import Definition
from relay.syncs.load import change_per_hour
from relay.syncs.schedule import Schedule

UNKNOWN = "No company of this id is known here."
NONE_HELD = "There is no such schedule."


@dataclass(slots=True)
class CompanyResult:
    """The result for one company: its schedule, None if removed; `error` says why nothing changed.

    `next_due` is in epoch seconds.
    """

    company_id: str
    schedule: Schedule | None
    next_due: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ManyResult:
    """The results in the order asked for, and the syncs more or less per hour of a week."""

    companies: tuple[CompanyResult, ...]
    load: list[int]


def set_schedules(
    store: Store,
    hints: Hints,
    company_ids: Sequence[str],
    data_type: str,
    definition: Definition | None,
    *,
    by: str,
    now: int,
    preview: bool = False,
) -> ManyResult:
    """Set a schedule of each company, or remove it without a definition; `now` is in ms.

    A company that is refused stops no other. A preview writes nothing.
    """
    ids = [read_id(given) or given for given in company_ids]
    companies = store.companies.get_many(dict.fromkeys(ids))
    held = store.schedules.of_many(list(companies))
    before, after, results = list[Schedule](), list[Schedule](), list[CompanyResult]()
    for company_id, company in companies.items():
        present, wanted = held[company_id].get(data_type), None
        if company and definition:
            wanted = schedule_for(company, data_type, definition, now)
        error = _error(company, present, definition)
        if error is None and not preview:
            try:
                if wanted is None:
                    remove_schedule(store, hints, company_id, data_type, by=by, now=now)
                else:
                    set_schedule(store, hints, wanted, by=by, now=now)
            except Refused as refused:
                error = str(refused)
        if error is None:
            before += [present] if present else []
            after += [wanted] if wanted else []
        results.append(CompanyResult(company_id, wanted, _first_due(wanted, error, now), error))
    if not preview:
        _read_due(store, results, after)
        changed = [one.company_id for one in results if one.error is None]
        settle_keep_alive(store, hints, changed, by=by, now=now)
    return ManyResult(tuple(results), change_per_hour(before, after, now // 1000))


def _error(
    company: Company | None, present: Schedule | None, definition: Definition | None
) -> str | None:
    if company is None:
        return UNKNOWN
    return NONE_HELD if definition is None and present is None else None


def _first_due(wanted: Schedule | None, error: str | None, now: int) -> int | None:
    runs = wanted is not None and wanted.running and error is None
    return next_run(wanted, now // 1000).due if wanted and runs else None


def _read_due(store: Store, results: list[CompanyResult], written: list[Schedule]) -> None:
    """Set when each written schedule is due: one that was late may differ from a new one."""
    due = store.schedules.next_due(written)
    found = {one.company_id: at for one, at in zip(written, due, strict=True)}
    for one in results:
        one.next_due = found.get(one.company_id)
