"""Which pause holds a schedule's next run back, and how many schedules a pause covers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice

from relay.companies.company import Company
from relay.store import Store
from relay.syncs.pause import Pause, Scope, Subject, covering, subjects_of
from relay.syncs.schedule import Schedule

SCAN_LIMIT = 5000  # companies that an estimate looks at
BATCH_SIZE = 500
BY_COMPANY = (Scope.PLATFORM, Scope.TAG, Scope.DATA_TYPE)


def pauses_holding_back(
    store: Store,
    schedules: Sequence[Schedule],
    due: Sequence[int | None],
    now: int,
    companies: Mapping[str, Company | None] | None = None,
) -> list[Pause | None]:
    """Return for each schedule the pause that holds its next run back, or None.

    It is the pause that the schedule waits for already, or one that is on at `now` and will still
    be when the schedule is `due` (epoch seconds). `companies` are read when not given.
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


def count_covered(store: Store, pauses: Sequence[Pause]) -> list[int]:
    """Return how many running schedules each pause covers; for many companies an estimate.

    The companies are read once, however many pauses there are.
    """
    own = store.schedules.of_many([p.value for p in pauses if p.scope is Scope.COMPANY])
    walked = {pause.subject for pause in pauses if pause.scope in BY_COMPANY}
    counted = _count(store, walked) if walked else {}
    everything = store.schedules.count()

    def count(pause: Pause) -> int:
        if pause.scope is Scope.EVERYTHING:
            return everything
        if pause.scope is Scope.COMPANY:
            return sum(schedule.running for schedule in own[pause.value].values())
        return counted[pause.subject]

    return [count(pause) for pause in pauses]


def _count(store: Store, wanted: Set[Subject]) -> Counter[Subject]:
    """Count the running schedules of these platforms, tags and data types."""
    looked_at, found = 0, Counter[Subject]()
    for page in batches(islice(store.companies.all(), SCAN_LIMIT)):
        looked_at += len(page)
        held = store.schedules.of_many([company.id for company in page])
        for company in page:
            running = [(Scope.DATA_TYPE, kind) for kind, s in held[company.id].items() if s.running]
            found.update(running)
            for subject in wanted & subjects_of(company):
                found[subject] += len(running)
    if looked_at == SCAN_LIMIT:
        companies = store.companies.count()
        found = Counter({subject: n * companies // looked_at for subject, n in found.items()})
    return found


def batches(companies: Iterable[Company]) -> Iterator[list[Company]]:
    """Yield the companies a batch at a time."""
    walk = iter(companies)
    while page := list(islice(walk, BATCH_SIZE)):
        yield page
