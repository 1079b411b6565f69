"""Begin and end pauses, and list those that are not over with what they hold back."""

from dataclasses import dataclass, replace

from relay.nearest import hint
from relay.queues import Hints
from relay.services.errors import Conflict, NotFound
from relay.services.held_back import count_covered
from relay.store import Store
from relay.store.inbox.lanes import NOT_FOR_A_COMPANY
from relay.syncs.pause import Pause

IS_OVER = "This pause would have ended already."
NO_PAUSE = "There is no pause of this id; GET /v1/pauses lists those there are"
CONTENDED = "Someone else is changing this pause. Look and try again."


@dataclass(frozen=True, slots=True)
class PauseCounts:
    """A pause, how many schedules it covers, and how many of them wait for its end."""

    pause: Pause
    covers: int
    holds_back: int


def list_pauses(store: Store, now: int) -> list[PauseCounts]:
    """Return the pauses that are not over at `now` (epoch seconds), with their counts."""
    found = [pause for pause in store.pauses.all() if not pause.is_over(now)]
    rows = zip(found, count_covered(store, found), store.pauses.parked(found), strict=True)
    return [PauseCounts(*row) for row in rows]


def set_pause(
    store: Store, hints: Hints, pause: Pause, now: int, *, preview: bool = False
) -> PauseCounts:
    """Write a new pause at `now` (epoch seconds); raises Conflict when it is over already.

    A preview writes nothing, and counts as held back what the pause would cover.
    """
    if pause.is_over(now):
        raise Conflict(IS_OVER)
    pause = replace(pause, on=pause.is_on(now))
    if preview:
        [covers] = count_covered(store, [pause])
        return PauseCounts(pause, covers, holds_back=covers)
    _, wake = store.pauses.write(pause, over=None, at=now)
    if wake:
        hints.drain(NOT_FOR_A_COMPANY)
    [covers] = count_covered(store, [pause])
    return PauseCounts(pause, covers, holds_back=0)


def end_pause(store: Store, hints: Hints, pause_id: str, now: int) -> None:
    """End a pause at `now` (epoch seconds); raises NotFound, or Conflict when it just changed."""
    pauses = store.pauses.all()
    found = next((pause for pause in pauses if pause.id == pause_id), None)
    if found is None or found.is_over(now):
        raise NotFound(f"{NO_PAUSE}{hint(pause_id, [pause.id for pause in pauses])}.")
    written, wake = store.pauses.write(found.end(now), over=found, at=now)
    if not written:
        raise Conflict(CONTENDED)
    if wake:
        hints.drain(NOT_FOR_A_COMPANY)
