"""Pauses as the clock sees them: begun, ended, and what they hold back parked and let go."""

from dataclasses import replace

import structlog

from relay.queues import Hints
from relay.store import Store
from relay.store.schedules.due import Due
from relay.syncs.pause import ActivePauses, Pause, PauseState

LET_GO = 500  # schedules let go per call
MOST_LET_GO = 20_000  # per look, so that dispatching goes on beside it

log = structlog.get_logger(__name__)


def follow(store: Store, hints: Hints, now: int) -> ActivePauses:
    """Begin and end pauses whose time has come; give those that are on at `now` (epoch seconds)."""
    state, parking = store.pauses.look(now)
    for pause in state.changed:
        _turn(store, hints, pause, now)
    for pause in state.undecided:
        log.error("pause.unclear", pause=pause.id, zone=pause.window and pause.window.zone)
    _let_go(store, state, parking)
    return state.on


def hold_back(store: Store, due: list[Due], on: ActivePauses) -> tuple[list[Due], bool]:
    """Park what a pause covers; give the rest, and whether the pauses are still as they were."""
    if not on.pauses:
        return due, True
    companies = {}
    if on.needs_company:
        companies = store.companies.get_many({one.company_id for one in due})
    held, free = [], []
    for one in due:
        pause = on.decide(one.company_id, one.data_type, companies.get(one.company_id))
        if pause is None:
            free.append(one)
        else:
            held.append((one, pause))
    return free, store.pauses.park(held) == len(held)


def _turn(store: Store, hints: Hints, pause: Pause, now: int) -> None:
    turned = replace(pause, on=not pause.on)
    written, wake = store.pauses.write(turned, over=pause, at=now)
    if written:
        log.info("pause.turned", pause=pause.id, on=turned.on)
    if wake:
        hints.drain(0)


def _let_go(store: Store, state: PauseState, parking: set[str]) -> None:
    """Let go what is parked under pauses that are off, or not there any more."""
    over = {pause.id for pause in state.over}
    left = MOST_LET_GO
    for pause_id in (parking | over) - {pause.id for pause in state.on.pauses}:
        more = True
        while more and left > 0:
            more = bool(store.pauses.unpark(pause_id, LET_GO, forget=pause_id in over))
            left -= LET_GO if more else 1
