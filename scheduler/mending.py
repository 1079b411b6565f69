"""Put right what was written while the server's clock was wrong: waits, and when schedules run."""

import time

import structlog

from relay.store import Store
from relay.store.schedules.due import Due
from relay.syncs.cadence import MAX_INTERVAL, next_run
from relay.syncs.change import last_periods
from relay.syncs.schedule import Cadence

ROUND = 2.0  # seconds of looking at schedules, then whatever else the clock does has its turn
PAGE = 300  # schedules read at a time
# Seconds from now at which no schedule can be due, however it is spread.
TOO_LATE = 2 * MAX_INTERVAL[Cadence.MONTHLY]

log = structlog.get_logger(__name__)


class Mending:
    """Looks every few seconds; at all schedules only after the clock was set back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._past: int | None = None  # schedules that were looked at; None: nobody wants it

    def look(self) -> int:
        """Mend what there is to mend; return how much it was."""
        found = self._store.mending.mend()
        if found.schedules and self._past is None:
            self._past = 0
        brought = self._far_ahead() + self._all()
        if found.mended or brought:
            log.warning("clock.mended", waits=found.mended, schedules=brought)
        return found.mended + brought

    def _far_ahead(self) -> int:
        """Bring forward what is due later than any schedule can be."""
        now = int(self._store.time())
        found = self._store.schedules.due_after(now + TOO_LATE, PAGE)
        return sum(self._bring_forward(one, now) for one in found)

    def _all(self) -> int:
        """Look at schedules for some seconds, from where the last look ended."""
        if self._past is None:
            return 0
        brought, until = 0, time.monotonic() + ROUND
        while time.monotonic() < until:
            now = int(self._store.time())
            found = self._store.schedules.due_after(now, PAGE, self._past)
            if not found:
                self._past = None
                self._store.mending.schedules_mended()
                break
            moved = sum(self._bring_forward(one, now) for one in found)
            # Those that were moved may stand before or after the others: none of these is passed.
            brought, self._past = brought + moved, self._past + len(found) - moved
        return brought

    def _bring_forward(self, one: Due, now: int) -> bool:
        schedule = one.schedule
        if schedule is None or not schedule.running:
            return False
        try:
            following = next_run(schedule, now)
        except Exception as error:  # told when it is due
            log.debug("schedule.unusable", company_id=one.company_id, fault=str(error)[:200])
            return False
        if one.due <= following.due:
            return False
        at = self._store.schedules.standing(one.company_id, one.data_type)
        if following.period in last_periods(at):
            return False  # it has had its run
        self._store.schedules.bring_forward(one, following)
        return True
