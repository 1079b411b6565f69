"""APScheduler drives the ticks, in memory and in UTC; it holds no schedule of anybody's."""

import os
import time
from collections.abc import Callable
from datetime import UTC
from threading import Thread

import structlog
from apscheduler.schedulers.blocking import BlockingScheduler
from redis.exceptions import RedisError

from relay.queues import Hints, tidy
from relay.settings import Settings
from relay.store import Store
from relay.store.guard import NotDurable
from scheduler import jumps, ticks
from scheduler.jumps import Reading
from scheduler.strength import Strength
from scheduler.watch import Watch

TICK = 1.0  # seconds
LOOK_EVERY = 10.0  # seconds between looks whether to compare with Codat's record
TRIM_EVERY = 3600.0  # seconds
ADOPT_EVERY = 3600.0  # seconds
EXPIRE_EVERY = 60.0  # seconds
FORGET_EVERY = 60.0  # seconds
TIDY_EVERY = 60.0  # seconds
PLATFORMS_EVERY = 600.0  # seconds between looks whether this night's are there
STALLED_AFTER = 60.0  # seconds without a tick, after which the process ends itself
STALLED = 70  # its exit code then

log = structlog.get_logger(__name__)


class Clock:
    """Runs the ticks, each of which may fail without stopping the next."""

    def __init__(self, settings: Settings, store: Store, hints: Hints) -> None:
        self._settings = settings
        self._store = store
        self._hints = hints
        self._watch = Watch(settings, store, hints)
        self._strength = Strength(store, hints)
        self._looked = float("-inf")
        self.last_tick = time.monotonic()
        self._read: Reading | None = None

    def tick(self) -> None:
        """Do what must not wait, and dispatch."""
        self._look_after_the_rest()
        self._safely("dispatch", self._dispatch)

    def _dispatch(self) -> None:
        """Dispatch by the server's clock: a host whose clock is wrong would move all schedules."""
        ticks.dispatch(self._store, self._hints, int(self._store.time()), self._between_rounds)

    def _between_rounds(self) -> int:
        self._look_after_the_rest()
        return int(self._store.time())

    def _look_after_the_rest(self) -> None:
        """Look at the clocks, sweep, and give a sign of life."""
        self.last_tick = time.monotonic()
        self._safely("clock", lambda: self.compare(Reading.take(self._store)))
        self._safely("sweep", lambda: ticks.sweep(self._store, self._hints))
        self._safely("strength", self._strength.look)
        # First, so that the watch knows of our own silence too.
        self._safely("beat", lambda: self._store.beat("scheduler"))
        if self.last_tick - self._looked > LOOK_EVERY:
            self._looked = self.last_tick
            self._safely("watch", lambda: self._watch.look(self._store.now_ms()))

    def compare(self, read: Reading | None) -> None:
        """Raise an alarm when the server's clock was moved, or this host's differs from it."""
        if read is None:
            return
        if self._read and (jump := read.jump_since(self._read)):
            jumps.tell_jump(self._store, self._hints, read, jump)
        if read.difference and not (self._read and self._read.difference):
            jumps.tell_difference(self._store, self._hints, read)
        self._read = read

    def adopt(self) -> None:
        """Have what is parked under pauses that nobody knows any more let go."""
        self._safely("adopt", self._store.pauses.find_parked)

    def trim(self) -> None:
        """Drop old messages and events."""
        self._safely("trim", lambda: ticks.trim(self._store, self._settings))
        self._safely("trim_log", lambda: ticks.trim_log(self._store, self._settings, self._hints))

    def expire(self) -> None:
        """End journeys whose time is over."""
        store, hints = self._store, self._hints
        self._safely("expire", lambda: ticks.expire_journeys(store, hints, store.now_ms()))

    def forget(self) -> None:
        """Go on with forgetting what was to be forgotten."""
        self._safely("forget", lambda: ticks.finish_forgetting(self._store, self._hints))

    def tidy(self) -> None:
        """Forget what RQ keeps of jobs that failed, but the latest."""
        self._safely("tidy", lambda: tidy(self._store.client))

    def platforms(self) -> None:
        """Have the platforms to choose from read anew, once a night."""
        store, hints = self._store, self._hints
        self._safely("platforms", lambda: ticks.refresh_platforms(store, hints, store.now_ms()))

    def _safely(self, name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except (RedisError, NotDurable) as error:
            log.warning("tick.failed", tick=name, error=str(error)[:200])
        except Exception:
            log.exception("tick.failed", tick=name)


def run(settings: Settings) -> None:
    """Tick until told to stop. Any number may run: the store decides who was first."""
    store = Store.open(settings)
    clock = Clock(settings, store, Hints(store.client))
    scheduler = BlockingScheduler(timezone=UTC)
    # Late ticks run once, and none is dropped: APScheduler's own default drops those 1 s late.
    options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler.add_job(clock.tick, "interval", seconds=TICK, **options)
    scheduler.add_job(clock.adopt, **options)
    scheduler.add_job(clock.adopt, "interval", seconds=ADOPT_EVERY, **options)
    scheduler.add_job(clock.trim, "interval", seconds=TRIM_EVERY, **options)
    scheduler.add_job(clock.expire, "interval", seconds=EXPIRE_EVERY, **options)
    scheduler.add_job(clock.forget, "interval", seconds=FORGET_EVERY, **options)
    scheduler.add_job(clock.tidy, "interval", seconds=TIDY_EVERY, **options)
    scheduler.add_job(clock.platforms, **options)
    scheduler.add_job(clock.platforms, "interval", seconds=PLATFORMS_EVERY, **options)
    Thread(target=_end_when_stalled, args=(clock,), daemon=True).start()
    log.info("scheduler.started")
    scheduler.start()


def _end_when_stalled(clock: Clock) -> None:
    """End the process when ticks have stopped, so that its supervisor starts a working one."""
    while True:
        time.sleep(1)
        if time.monotonic() - clock.last_tick > STALLED_AFTER:
            log.error("scheduler.stalled")
            os._exit(STALLED)
