"""Read Codat's record now and then while a customer waits: a webhook may be late or lost.

That a customer comes back from Codat is a hint to look there, never proof of anything.
"""

from relay.companies.company import Company
from relay.journeys.journey import Journey
from relay.journeys.stage import SHOWS_PROGRESS, Stage, progress, stage_of
from relay.queues import Hints
from relay.store import Store
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Millis

MIN_GAP_MS = 10_000
MIN_READ_GAP_MS = 30_000  # for the webhooks of a first read, whose sync takes longer than a link
MAX_GAP_MS = 300_000  # software on a computer may take days
WAIT_SHARE = 4  # the gap is a quarter of the time waited so far


def look_again(
    store: Store,
    hints: Hints,
    journey: Journey,
    company: Company | None,
    now: int,
    *,
    returned: bool = False,
) -> None:
    """Enqueue an intent to read at Codat what the page waits for, less often the longer it waits.

    That is the link, at most once in ten seconds; then the data that is read first. `now` is in ms
    since the epoch; `returned`: the customer just came back from Codat.
    """
    stage = stage_of(journey, company, now)
    if stage is Stage.WAITING:
        if now - journey.sent < MIN_GAP_MS and not returned:
            return
        gap = MIN_GAP_MS if returned else _gap(journey, now, MIN_GAP_MS)
        why = "return" if returned else "wait"
        _enqueue(
            store, hints, journey, now, intent_name("reread", journey.company_id), why=why, gap=gap
        )
    elif stage in SHOWS_PROGRESS and "waiting" in progress(journey, company).values():
        gap = _gap(journey, now, MIN_READ_GAP_MS)
        _enqueue(
            store, hints, journey, now, intent_name("data", journey.company_id), why="wait", gap=gap
        )


def _gap(journey: Journey, now: int, shortest: int) -> int:
    """Return the milliseconds between two looks, by how long the customer has waited."""
    return max(shortest, min((now - journey.sent) // WAIT_SHARE, MAX_GAP_MS))


def _enqueue(
    store: Store, hints: Hints, journey: Journey, now: int, name: str, *, why: str, gap: int
) -> None:
    if store.intents.may_store(f"{name}:{why}", Millis(gap)):
        cause = f"journey:{journey.id}"
        intent = NewIntent(name, journey.company_id, Priority.LINK, Millis(now), cause)
        store.intents.put([intent], Millis(now))
        hints.perform()
