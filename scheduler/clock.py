"""APScheduler drives the ticks, in memory and in UTC; it holds no schedule of anybody's."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread

import structlog
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger
from redis.exceptions import RedisError

from relay.clocks import Comparison, Reading
from relay.queues import Hints, tidy
from relay.settings import Settings
from relay.store import Store
from relay.store.server.guard import NotDurable
from relay.witness import Witness
from scheduler import dispatch, jumps, maintenance
from scheduler.mending import Mending
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
_never = Event()  # waited for, it sleeps by a clock that nobody sets


class Clock:
    """Runs the ticks, each of which may fail without stopping the next."""

    def __init__(self, settings: Settings, store: Store, hints: Hints) -> None:
        self._settings = settings
        self._store = store
        self._hints = hints
        self._watch = Watch(settings, store, hints)
        self._strength = Strength(store, hints)
        url = settings.redis_url
        self._witness = Witness(settings.relay_data_dir, url) if url else None
        self._looked = float("-inf")
        self.last_tick = time.monotonic()
        self._read: Reading | None = None
        self._clock = Comparison("scheduler")
        self._mending = Mending(store)

    def tick(self) -> None:
        """Do what must not wait, and dispatch."""
        self._look_after_the_rest()
        self._safely("dispatch", self._dispatch)

    def _dispatch(self) -> None:
        """Dispatch by the server's clock: a host whose clock is wrong would move all schedules."""
        dispatch.dispatch(self._store, self._hints, int(self._store.time()), self._between_rounds)

    def _between_rounds(self) -> int:
        self._look_after_the_rest()
        return int(self._store.time())

    def _look_after_the_rest(self) -> None:
        """Compare the clocks, sweep, and send a heartbeat."""
        self.last_tick = time.monotonic()
        self._safely("clock", lambda: self.compare(Reading.take(self._store)))
        self._safely("sweep", lambda: maintenance.sweep(self._store, self._hints))
        self._safely("strength", self._strength.look)
        if witness := self._witness:
            self._safely("witness", lambda: witness.look(self._store))
        # First, so that the watch knows of our own silence too.
        self._safely("beat", lambda: self._store.beat("scheduler"))
        if self.last_tick - self._looked > LOOK_EVERY:
            self._looked = self.last_tick
            self._safely("mend", self._mending.look)
            self._safely("watch", lambda: self._watch.look(self._store.now_ms()))

    def compare(self, read: Reading | None) -> None:
        """Raise an alarm when the server's clock was moved, or this host's differs from it."""
        if read is None:
            return
        if self._read and (jump := read.jump_since(self._read)):
            jumps.tell_jump(self._store, self._hints, read, jump)
        self._read = read
        self._clock.look(self._store, self._hints, read)

    def adopt(self) -> None:
        """Release what is parked under pauses that are not recorded any more."""
        self._safely("adopt", self._store.pauses.find_parked)

    def trim(self) -> None:
        """Drop old messages and events, unless the clock by which they are old is in doubt."""
        if self._in_doubt():
            return
        self._safely("trim", lambda: maintenance.trim(self._store, self._settings))
        self._safely(
            "trim_log", lambda: maintenance.trim_log(self._store, self._settings, self._hints)
        )

    def expire(self) -> None:
        """End journeys whose time is over, unless the clock that says so is in doubt."""
        if self._in_doubt():
            return
        store, hints = self._store, self._hints
        self._safely("expire", lambda: maintenance.expire_journeys(store, hints, store.now_ms()))

    def forget(self) -> None:
        """Go on with forgetting what was to be forgotten."""
        self._safely("forget", lambda: maintenance.finish_forgetting(self._store, self._hints))

    def tidy(self) -> None:
        """Forget what RQ keeps of jobs that failed, but the latest."""
        self._safely("tidy", lambda: tidy(self._store.client))

    def platforms(self) -> None:
        """Request a new read of the platforms to choose from, once a night."""
        store, hints = self._store, self._hints
        self._safely(
            "platforms", lambda: maintenance.refresh_platforms(store, hints, store.now_ms())
        )

    def _in_doubt(self) -> bool:
        try:
            doubted = self._store.mending.in_doubt(self._store.now_ms())
        except RedisError:
            return True
        if doubted:
            log.warning("clock.doubted")
        return doubted

    def _safely(self, name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except (RedisError, NotDurable) as error:
            log.warning("tick.failed", tick=name, error=str(error)[:200])
        except Exception:
            log.exception("tick.failed", tick=name)


class Every(IntervalTrigger):  # type: ignore[misc]
    """APScheduler's interval, but of the times that passed, however many, one stands for all.

    Its own lists each of them: after a leap of the host's clock by a year, millions.
    """

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the time after the last one, or a whole interval from `now` if that has passed."""
        following: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        if previous_fire_time is None or following is None or following > now:
            return following
        return now + self.interval  # type: ignore[no-any-return]


def make_scheduler(clock: Clock) -> BlockingScheduler:
    """Return the scheduler with all ticks; it is not started."""
    scheduler = BlockingScheduler(timezone=UTC)
    # Late ticks run once, and none is dropped: APScheduler's own default drops those 1 s late.
    options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    for tick, seconds in (
        (clock.tick, TICK),
        (clock.adopt, ADOPT_EVERY),
        (clock.trim, TRIM_EVERY),
        (clock.expire, EXPIRE_EVERY),
        (clock.forget, FORGET_EVERY),
        (clock.tidy, TIDY_EVERY),
        (clock.platforms, PLATFORMS_EVERY),
    ):
        scheduler.add_job(tick, Every(seconds=seconds, timezone=UTC), **options)
    for at_once in (clock.adopt, clock.platforms):
        scheduler.add_job(at_once, **options)
    return scheduler


def run(settings: Settings) -> None:
    """Tick until told to stop. Any number may run: the store decides who was first."""
    store = Store.open(settings)
    clock = Clock(settings, store, Hints(store.client))
    scheduler = make_scheduler(clock)
    Thread(target=_end_when_stalled, args=(clock,), daemon=True).start()
    Thread(target=_follow_the_host, args=(scheduler,), daemon=True).start()
    log.info("scheduler.started")
    scheduler.start()


def set_back(scheduler: BlockingScheduler, now: datetime) -> None:
    """Have every tick run now: their next times are of a clock that has been set back since."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=now)


def _follow_the_host(scheduler: BlockingScheduler) -> None:
    """See when the host's clock is set back, as APScheduler would then wait for its old time."""
    before = time.time() - time.monotonic()
    while not _never.wait(1):
        apart = time.time() - time.monotonic()
        if apart < before - TICK:
            log.warning("clock.set_back", seconds=round(before - apart))
            set_back(scheduler, datetime.now(UTC))
        before = apart


def _end_when_stalled(clock: Clock) -> None:
    """End the process when ticks have stopped, so that its supervisor starts a working one."""
    while not _never.wait(1):
        if time.monotonic() - clock.last_tick > STALLED_AFTER:
            log.error("scheduler.stalled")
            os._exit(STALLED)
