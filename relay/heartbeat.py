"""A thread that sends heartbeats for its process, and compares its machine's clock."""

from collections.abc import Callable
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from relay.clocks import Comparison, Reading
from relay.queues import Hints
from relay.store import Store
from relay.store.server.checks import ServerRefused
from relay.store.server.durable import NotDurable
from relay.store.store import WrongStore

BEAT_INTERVAL = 10.0  # seconds

log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats for one kind of process, such as `web`, until stopped or the process ends.

    It opens a store of its own when it can: a process that cannot reach one is of no use, and its
    silence shows it.
    """

    def __init__(
        self, process: str, open_store: Callable[[], Store], every: float = BEAT_INTERVAL
    ) -> None:
        self._process = process
        self._open = open_store
        self._every = every
        self._store: Store | None = None
        self._clock = Comparison(process)
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, with a first beat at once."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._store = self._store or self._open()
                self._store.beat(self._process)
                self._clock.look(self._store, Hints(self._store.client), Reading.take(self._store))
            except (RedisError, NotDurable, ServerRefused, WrongStore) as error:
                log.debug("heartbeat.missed", process=self._process, error=str(error)[:200])
            except Exception:
                # A live process that seems dead would hide the end of the next real outage.
                log.exception("heartbeat.failed", process=self._process)
            if self._stopping.wait(self._every):
                return
