"""Make a company's schedules agree with its status and the policy. Calls nobody."""

from collections.abc import Sequence
from typing import Any

from relay.cadence import next_run
from relay.policy import Change, changes
from relay.store.intents import Intent, Need, Priority
from relay.times import now_ms
from workers.context import Context
from workers.endings import Ended, Ending, Told

FIRST_AFTER = 3600  # seconds after a link in which Codat's own first sync runs
CHANGED_MEANWHILE = "the schedules were changed meanwhile"


def do(context: Context, intent: Intent) -> Ended:
    """Give, suspend or resume the company's schedules; with `apply` bring them to the policy.

    With `keep` only see that the company is kept alive.
    """
    company = context.store.companies.get(intent.company_id)
    if company is None:
        return Ended(Ending.DONE)
    schedules, now = context.store.schedules, now_ms() // 1000
    apply, keep = bool(intent.args.get("apply")), bool(intent.args.get("keep"))
    policy = context.store.policies.in_force(context.settings).policy
    wanted = changes(company, schedules.of(company.id), policy, now=now, apply=apply, keep=keep)
    done: list[Change] = []
    for change in wanted:
        if not _write(context, change, now + FIRST_AFTER):
            told = _told(done)
            return Ended(Ending.LATER, told, wait=0.2, error=CHANGED_MEANWHILE, expected=True)
        done.append(change)
    if any(change.after and change.after.fresh for change in done):
        context.store.intents.put([freshness_of(company.id, intent.cause)], now_ms())
    return Ended(Ending.DONE, told=_told(done))


def freshness_of(company_id: str, cause: str) -> Need:
    """Give the need to watch a company's deadlines; it stays as long as there are any."""
    return Need(f"fresh:{company_id}", company_id, Priority.LOCAL, now_ms(), cause)


def _write(context: Context, change: Change, earliest: int) -> bool:
    schedules = context.store.schedules
    if change.after is None:
        return change.before is None or schedules.remove(change.before)
    due = next_run(change.after, earliest).due if change.after.running else None
    return schedules.put(change.after, due, over=change.before)


def _told(done: Sequence[Change]) -> Told | None:
    told: list[dict[str, Any]] = []
    for change in done:
        schedule = change.after or change.before
        if schedule is not None:
            told.append(
                {
                    "change": change.kind,
                    "data_type": schedule.data_type,
                    "cadence": schedule.cadence,
                    "origin": schedule.origin,
                    "reason": schedule.suspended,
                    "was": change.before.suspended if change.before else None,
                    "missed": list(change.missed),
                }
            )
    return Told("relay.schedules_changed", {"schedules": told}) if told else None
