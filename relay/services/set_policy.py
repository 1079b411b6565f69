"""Set the policy, work out what it would change for existing companies, and apply it to them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from relay.companies.company import Company
from relay.queues import Hints
from relay.services.errors import Conflict
from relay.services.held_back import SCAN_LIMIT, batches
from relay.services.load_forecast import LoadForecast, forecast_load
from relay.settings import Settings
from relay.store import Store
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.syncs.change import Change
from relay.syncs.load import WEEK_HOURS, change_per_hour
from relay.syncs.policy import Policy, changes_for
from relay.syncs.schedule import Schedule
from relay.times import Millis

MAX_EXAMPLES = 20  # changes of a preview that are shown one by one
SET_BY_FILE = "The policy is in the file that RELAY_POLICY_FILE names. Change it there."


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What a policy would change for existing companies.

    `looked_at` of `companies` were counted; `load` and `forecast` are scaled up to all of them.
    `changes` counts schedules by kind of change, `kept` those that stay as they are.
    """

    looked_at: int
    companies: int
    changes: dict[str, int]
    kept: int
    load: list[int]
    forecast: LoadForecast
    examples: tuple[Change, ...]


def set_policy(store: Store, settings: Settings, policy: Policy | None) -> None:
    """Set the policy, or with None go back to the default; raises Conflict when a file sets it."""
    if settings.relay_policy_file is not None:
        raise Conflict(SET_BY_FILE)
    if policy is None:
        store.policies.clear()
    else:
        store.policies.put(policy)


def preview_policy(
    store: Store, policy: Policy, companies: Iterable[Company], calls_per_minute: int, now: int
) -> PolicyEffect:
    """Return what the policy would change for these companies at `now` (ms); nothing is saved."""
    first = list(islice(companies, SCAN_LIMIT))
    # Of a filter's companies the estimate assumes too many rather than too few.
    total = store.companies.count() if len(first) == SCAN_LIMIT else len(first)
    kinds, kept = Counter[str](), 0
    before, after, examples = list[Schedule](), list[Schedule](), list[Change]()
    for page in batches(first):
        held = store.schedules.of_many([company.id for company in page])
        for company in page:
            schedules = held[company.id]
            found = changes_for(company, schedules, policy, now=now // 1000, apply=True)
            kinds.update(one.kind for one in found)
            before += [one.before for one in found if one.before]
            after += [one.after for one in found if one.after]
            kept += len(schedules) - sum(one.before is not None for one in found)
            examples += found[: MAX_EXAMPLES - len(examples)]
    changed = change_per_hour(before, after, now // 1000)
    load = [more * total // max(1, len(first)) for more in changed]
    return PolicyEffect(
        looked_at=len(first),
        companies=total,
        changes=dict(kinds),
        kept=kept,
        load=load,
        forecast=forecast_load(store, calls_per_minute, WEEK_HOURS, now, added=load),
        examples=tuple(examples),
    )


def apply_policy(
    store: Store, hints: Hints, companies: Iterable[Company], *, by: str, now: int
) -> int:
    """Enqueue for each company, unless deleted, that it follows the policy; return how many."""
    enqueued = 0
    for page in batches(companies):
        intents = [_apply_intent(one, by, now) for one in page if not one.deleted]
        store.intents.put(intents, Millis(now))
        enqueued += len(intents)
    if enqueued and store.intents.may_hint():
        hints.perform()
    return enqueued


def _apply_intent(company: Company, by: str, now: int) -> NewIntent:
    return NewIntent(
        name=intent_name("cadence", company.id, "apply"),
        company_id=company.id,
        priority=Priority.LOCAL,
        due=Millis(now),
        cause=f"api:{by}",
        args={"apply": True},
    )
