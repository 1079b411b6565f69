"""Make a company's schedules agree with its status: given on link, suspended when not linked."""

from relay.cadence import ALL, SPREAD, Cadence, Schedule, next_run
from relay.company import Company, CompanyStatus
from relay.store.intents import Intent
from relay.times import now_ms
from workers.context import Context
from workers.endings import Ended, Ending

FIRST_AFTER = 3600  # seconds after a link in which Codat's own first sync runs
CHANGED_MEANWHILE = "the schedules were changed meanwhile"


def do(context: Context, intent: Intent) -> Ended:
    """Give, suspend or resume the company's schedules. Calls nobody."""
    company = context.store.companies.get(intent.company_id)
    if company is None:
        return Ended(Ending.DONE)
    schedules = context.store.schedules
    held = schedules.of(company.id)
    earliest = now_ms() // 1000 + FIRST_AFTER
    for wanted, over in changes(company, held, context.settings.relay_default_cadence):
        due = None if wanted.suspended else next_run(wanted, earliest).due
        if not schedules.put(wanted, due, over=over):
            return Ended(Ending.LATER, wait=0.2, error=CHANGED_MEANWHILE, expected=True)
    return Ended(Ending.DONE)


def changes(
    company: Company, held: dict[str, Schedule], default: str
) -> list[tuple[Schedule, Schedule | None]]:
    """Give the schedules to write, each with the one it replaces; pure."""
    if company.status is not CompanyStatus.LINKED:
        reason = f"the company is {company.status}"
        return [(s.suspend(reason), s) for s in held.values() if s.suspended != reason]
    resumed: list[tuple[Schedule, Schedule | None]] = [
        (s.suspend(None), s) for s in held.values() if s.suspended
    ]
    if held or default == "none":
        return resumed
    cadence = Cadence(default)
    given = Schedule(company.id, ALL, cadence, spread=SPREAD[cadence], origin="policy")
    return [(given, None)]
