"""Guard what is acknowledged: on a server that became too weak, nothing is.

What was demanded at start can change while we run: a setting, a server that became a replica, a
full disk or memory. So the server is judged again while writes are acknowledged, once a second at
most, and whenever a connection was made, as behind it may be another server.
"""

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoPermissionError, RedisError
from redis.exceptions import TimeoutError as TimedOut

from relay.store import keys
from relay.store.scripts import Scripts
from relay.store.server.checks import (
    REPLICAS_MS,
    WAITAOF_MS,
    Server,
    in_step,
    inspect,
    judge,
    read_time,
)
from relay.store.server.connect import connections_of
from relay.store.server.sentinels import Sentinels

POLL_SECONDS = 1.0  # seconds between looks, while there is anything to acknowledge
TOO_OLD = 3.0  # seconds after which a look is waited for
WAIT_FOR_ANOTHER = 5.0  # seconds
SENTINEL_POLL_SECONDS = (
    0.25  # seconds between questions to the sentinels, while replicas are missing
)

log = structlog.get_logger(__name__)


class NotDurable(Exception):
    """A write was not confirmed as durable, or cannot be; it may be made, so send it again."""


@dataclass(frozen=True, slots=True)
class Peers:
    """The replicas that must confirm what one primary writes; a new primary has another `of`."""

    of: str = ""  # master_replid of INFO replication
    names: frozenset[str] = frozenset()


class Guard:
    """Knows of one client whether its server is as strong as it must be."""

    def __init__(self, client: Redis, server: Server) -> None:
        self.server = server
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._probe = Scripts(client).probe
        self._demand: tuple[Collection[str], str | None] | None = None
        self._connections = connections_of(client)
        self._known = self._connections.latest
        self._looked = time.monotonic()
        self._looking = threading.Lock()
        self._failed: tuple[float, RedisError] = (0.0, RedisError())
        self._faults: dict[str, str] = {}
        self._in_step = server.replicas  # as many as were when a write was last confirmed
        self._peers = Peers()
        self._sentinels = Sentinels.of(client)
        self._asking = threading.Lock()
        self._asked: tuple[float, str] = (float("-inf"), "")

    @classmethod
    def open(cls, client: Redis, accept: Collection[str], replicas: str | None) -> "Guard":
        """Judge the server and look after it from now on; raises ServerRefused or RedisError."""
        guard = cls(client, inspect(client, accept, replicas))
        guard._demand, guard._looked = (accept, replicas), float("-inf")
        return guard

    def faults(self) -> Mapping[str, str]:
        """Return why nothing can be acknowledged now: the name of each reason, and what to do.

        Looks at the server if that was not done within a second. Raises redis.RedisError.
        """
        came = time.monotonic()
        must = self._is_new or self._is_old(TOO_OLD)
        if self._is_old(POLL_SECONDS) and self._looking.acquire(timeout=WAIT_FOR_ANOTHER * must):
            try:
                if self._failed[0] > came:  # while we waited: it would keep us as long again
                    raise self._failed[1]
                if self._is_old(POLL_SECONDS):  # no other thread has looked meanwhile
                    self._look()
            except RedisError as error:
                self._failed = time.monotonic(), error
                raise
            finally:
                self._looking.release()
        elif must and self._is_old(TOO_OLD):
            raise NotDurable("whether the server is still strong enough is not known yet")
        return self._faults

    def demand(self) -> None:
        """Raise NotDurable when nothing can be acknowledged now, or redis.RedisError."""
        if faults := self.faults():
            raise NotDurable("; ".join(faults.values()))

    def settle(self) -> None:
        """Wait until all that was written so far is as safe as an acknowledged write must be.

        Raises NotDurable or redis.RedisError.
        """
        if self.server.waits:
            with self._client.pipeline(transaction=False) as pipe:
                self.confirmed(pipe)
        self.demand()

    def confirmed(self, pipe: Pipeline) -> list[Any]:
        """Run what is queued in `pipe`; return the answers once it is safe, or raise NotDurable."""
        pipe_: Any = pipe
        server, asked = self.server, len(pipe)
        wants_replicas = server.every_replica or server.replicas > 0
        # Both waits speak for what their own connection wrote. Sent again on another one, a script
        # may write nothing: so there is always a write, and what was written before is older.
        pipe_.set(keys.CONFIRMED, "1")
        if server.must_wait:
            pipe_.execute_command("WAITAOF", 1, 0, WAITAOF_MS)
        if wants_replicas:
            pipe_.execute_command("WAIT", _wanted(server, self._in_step), REPLICAS_MS)
            pipe_.info("replication")
        answers: list[Any] = pipe_.execute()
        extra = answers[asked + 1 :]
        if server.must_wait and extra.pop(0)[0] < 1:
            raise NotDurable("the server did not confirm the write to disk in time")
        if wants_replicas:
            self._demand_replicas(server, *extra)
        return answers[:asked]

    def _demand_replicas(self, server: Server, count: int, replication: Mapping[str, Any]) -> None:
        """Raise NotDurable unless each replica that may be made the primary has confirmed."""
        names = in_step(replication)
        if names is None:
            raise NotDurable("the server became a replica")
        self._in_step = len(names)
        wanted = _wanted(server, len(names))
        if count < wanted:
            raise NotDurable(f"{count} of {wanted} replicas confirmed the write in time")
        if server.every_replica:
            self._demand_peers(Peers(replication.get("master_replid", ""), names))

    def _demand_peers(self, found: Peers) -> None:
        """Raise NotDurable while a replica that did not confirm may be made the primary."""
        if self._sentinels is None or found == self._peers:
            return
        with self._asking:
            peers = self._peers
            if found.of == peers.of and found.names >= peers.names:
                self._peers = found  # one that is new must confirm from now on
                return
            at, objection = self._asked
            if not objection or time.monotonic() - at > SENTINEL_POLL_SECONDS:
                objection = self._ask(found, self._sentinels)
                self._asked = time.monotonic(), objection
        if objection:
            raise NotDurable(objection)

    def _ask(self, found: Peers, sentinels: Sentinels) -> str:
        """Ask the sentinels of the primary as it is now; return what they have against it."""
        primary, replication = sentinels.look()
        names = in_step(replication)
        if names is None or replication.get("master_replid", "") != found.of:
            return "another server became the primary"
        if objection := sentinels.objection(primary, names):
            return (
                objection  # the look that follows within a second disconnects from a former primary
            )
        self._peers = Peers(found.of, names)
        return "" if found.names >= names else "a replica came that has not confirmed"

    @property
    def _is_new(self) -> bool:
        """Report whether a connection was made since the last look."""
        return self._connections.latest is not self._known

    def _is_old(self, seconds: float) -> bool:
        if self._demand is None:
            return False
        return self._is_new or time.monotonic() - self._looked > seconds

    def _look(self) -> None:
        """Judge the server, and whether it takes a write; raises redis.RedisError if it is away."""
        assert self._demand is not None
        latest = self._connections.latest  # before: what is made from here on is looked at next
        if self._is_new:  # perhaps to another server, with a clock of its own
            read_time(self._client)
        try:
            server = judge(self._client, *self._demand)
        except NoPermissionError as error:
            self._found(
                {"no-permission": f"its user may not look at it: {str(error)[:200]}"}, latest
            )
            return
        self.server = server
        faults = dict(server.faults)
        if server.aof_is_written and "no-aof" in self._faults:
            faults.setdefault("no-aof", "its append-only file is not written to its end yet")
        if server.is_replica:
            faults["replica"] = "it is a replica, which loses what it is told; make it the primary"
        elif server.aof_failed:
            faults["aof-error"] = "it could not write its append-only file; look at its disk"
        try:
            self._probe(keys.PROBES)
            if server.waits:
                with self._client.pipeline(transaction=False) as pipe:
                    self.confirmed(pipe)
        except (Disconnected, TimedOut):
            raise
        except RedisError as error:
            faults["refuses-writes"] = f"it takes no writes: {str(error)[:200]}"
        except NotDurable as error:
            faults["unconfirmed"] = str(error)
        if faults and self._sentinels:
            self._sentinels.follow()
        self._found(faults, latest)

    def _found(self, faults: dict[str, str], latest: object) -> None:
        if faults.keys() != self._faults.keys():
            say = log.error if faults else log.warning
            say("server.weakened" if faults else "server.mended", faults=faults or self._faults)
        self._faults, self._known, self._looked = faults, latest, time.monotonic()


def _wanted(server: Server, in_step: int) -> int:
    """Return how many replicas must confirm: each in step may be made the primary."""
    return max(server.replicas, in_step) if server.every_replica else server.replicas
