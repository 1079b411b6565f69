"""Pauses as the clock sees them: begun, ended, and what they hold back parked and let go."""

from dataclasses import replace

import structlog

from relay.pause import Pause, covering
from relay.queues import Hints
from relay.store import Store
from relay.store.schedules import Due

LET_GO = 500  # schedules let go per call
MOST_LET_GO = 20_000  # per pause and tick, so that dispatching goes on beside it

log = structlog.get_logger(__name__)


def follow(store: Store, hints: Hints, now: int) -> list[Pause]:
    """Begin and end pauses whose time has come; give those that are on at `now` (epoch seconds)."""
    found = store.pauses.all()
    for pause in found:
        if pause.is_on(now) != pause.on:
            _turn(store, hints, pause, now)
        if not pause.is_on(now):
            _let_go(store, pause, now)
    return [pause for pause in found if pause.is_on(now)]


def hold_back(store: Store, due: list[Due], pauses: list[Pause]) -> list[Due]:
    """Park what a pause covers, and give the rest."""
    if not pauses:
        return due
    companies = {}
    if any(pause.needs_company for pause in pauses):
        companies = store.companies.get_many({one.company_id for one in due})
    held, free = [], []
    for one in due:
        pause = covering(pauses, one.company_id, one.data_type, companies.get(one.company_id))
        if pause is None:
            free.append(one)
        else:
            held.append((one, pause))
    store.pauses.park(held)
    return free


def _turn(store: Store, hints: Hints, pause: Pause, now: int) -> None:
    turned = replace(pause, on=not pause.on)
    written, wake = store.pauses.write(turned, over=pause, at=now)
    if written:
        log.info("pause.turned", pause=pause.id, on=turned.on)
    if wake:
        hints.drain(0)


def _let_go(store: Store, pause: Pause, now: int) -> None:
    for _ in range(MOST_LET_GO // LET_GO):
        if not store.pauses.unpark(pause, LET_GO, now=now, forget=pause.is_over(now)):
            return
