"""While a customer waits, have Codat's record read now and then: a webhook may be late or lost.

That somebody comes back from Codat is a hint to look there, never proof of anything.
"""

from portal.link.visit import PROGRESSING, Visit
from relay.journeys.stage import Stage, progress
from relay.queues import Hints
from relay.store import Store
from relay.store.intents.queue import NewIntent, Priority

SOON_MS = 10_000
READ_SOON_MS = 30_000  # until the webhooks of a first read, whose sync takes longer than a link
LATEST_MS = 300_000  # software on a computer may take days
RARER = 4  # a wait is looked into once it is longer by this share of it


def look_again(store: Store, hints: Hints, seen: Visit, *, returned: bool = False) -> None:
    """Leave the intent to look at Codat for what the page waits for, ever more rarely.

    That is the link, at most once in ten seconds; then the data that is read first.
    """
    if seen.stage is Stage.WAITING:
        _look_for_link(store, hints, seen, returned=returned)
    elif seen.stage in PROGRESSING and "waiting" in progress(seen.journey, seen.company).values():
        gap = _gap(seen, READ_SOON_MS)
        _leave(store, hints, seen, f"data:{seen.journey.company_id}", why="wait", gap=gap)


def _look_for_link(store: Store, hints: Hints, seen: Visit, *, returned: bool) -> None:
    if seen.now - seen.journey.sent < SOON_MS and not returned:
        return
    gap = SOON_MS if returned else _gap(seen, SOON_MS)
    name = f"reread:{seen.journey.company_id}"
    _leave(store, hints, seen, name, why="return" if returned else "wait", gap=gap)


def _gap(seen: Visit, shortest: int) -> int:
    """Return the milliseconds between two looks, of a customer who has waited so long."""
    return max(shortest, min((seen.now - seen.journey.sent) // RARER, LATEST_MS))


def _leave(store: Store, hints: Hints, seen: Visit, name: str, *, why: str, gap: int) -> None:
    if store.intents.may_leave(f"{name}:{why}", gap):
        need = NewIntent(
            name, seen.journey.company_id, Priority.LINK, seen.now, f"journey:{seen.journey.id}"
        )
        store.intents.put([need], seen.now)
        hints.perform()
