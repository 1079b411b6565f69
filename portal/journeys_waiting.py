"""While a customer waits, have Codat's record read now and then: a webhook may be late or lost.

That somebody comes back from Codat is a hint to look there, never proof of anything.
"""

from portal.journeys_visit import Visit
from relay.queues import Hints
from relay.stages import Stage
from relay.store import Store
from relay.store.intents import Need, Priority

SOON_MS = 10_000
LATEST_MS = 300_000  # software on a computer may take days
RARER = 4  # a wait is looked into once it is longer by this share of it


def look_again(store: Store, hints: Hints, seen: Visit, *, returned: bool = False) -> None:
    """Leave the intent to read the company, at most once in ten seconds, then ever more rarely."""
    if seen.stage is not Stage.WAITING:
        return
    waited = seen.now - seen.journey.sent
    if waited < SOON_MS and not returned:
        return
    gap = SOON_MS if returned else max(SOON_MS, min(waited // RARER, LATEST_MS))
    company_id = seen.journey.company_id
    name = f"reread:{company_id}"
    if store.intents.may_leave(f"{name}:{'return' if returned else 'wait'}", gap):
        cause = f"journey:{seen.journey.id}"
        store.intents.put([Need(name, company_id, Priority.LINK, seen.now, cause)], seen.now)
        hints.perform()
