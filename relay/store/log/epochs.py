"""The log's head and epoch: another epoch begins when numbers may be given a second time.

A fail-over to a replica that lacked the last writes loses events that readers have seen, and what
comes next takes their numbers. So a replica that took over begins a new epoch, always: nobody can
tell what it lacked. A server that was merely started again does not, unless the log is shorter than
this process saw it, or what this process read last stands there no longer.
"""

import secrets
from collections.abc import Callable
from typing import Any

import structlog
from redis import Redis

from relay.store import keys
from relay.store.log.encoded import Head
from relay.store.scripts import Scripts
from relay.store.server.connect import connections_of

ASKED = ("log_seq", "epoch", "log_oldest", "log_losses", "log_server")
NEVER_A_REPLICA = -1  # second_repl_offset of INFO replication; a restart forgets what it was
FAIL_OVER, LOSS = "fail-over", "loss"

log = structlog.get_logger(__name__)


class Epochs:
    """The head of one store's log. `lost` returns whether what was read last is there no longer."""

    def __init__(self, client: Redis, scripts: Scripts, lost: Callable[[Head], bool]) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be
        self._scripts = scripts
        self._lost = lost
        self._connections = connections_of(client)
        self._known = self._connections.latest
        self._seen = Head(0, "")  # by this process

    def head(self) -> Head:
        """Return the newest number and the epoch, once the server we speak to is known."""
        while True:
            # Before asking: other threads may hear of newer events, or meet a server, meanwhile.
            seen, known = self._seen, self._known
            head, _ = _head(self._client.hmget(keys.META, ASKED))
            met = known is self._known and not self.unsure
            if met and head.epoch and not _shrunk(head, seen):
                break
            self._meet(seen)
        if head.epoch != self._seen.epoch or head.last > self._seen.last:
            self._seen = head
        return head

    def holds(self, epoch: str) -> bool:
        """Report whether what has just been read was of this epoch's log."""
        known = not self.unsure and self._seen.epoch == epoch
        return known or self.head().epoch == epoch

    def lose(self, known: str) -> bool:
        """Begin a new epoch as data of the epoch `known` is missing; False if that was logged."""
        values = self._client.hmget(keys.META, ASKED)
        head, _ = _head(values)
        new, run_id = secrets.token_hex(4), self._client.info("server")["run_id"]
        names = [keys.META, keys.LOG, keys.TIMELINE, keys.TIME_INDEX]
        epoch = self._scripts.renew_epoch(names, [head.epoch, new, run_id, LOSS, known])
        return bool(epoch.decode() == new)

    @property
    def unsure(self) -> bool:
        """Report whether connections were made since we last looked which server is behind them."""
        return self._connections.latest is not self._known

    def _meet(self, seen: Head) -> None:
        """Hold the server we speak to against the one that the epoch is of."""
        latest = self._connections.latest
        with self._client.pipeline(transaction=False) as pipe:  # all from one connection
            pipe.hmget(keys.META, ASKED)
            if latest is not None:
                pipe.info("server")
                pipe.info("replication")
            values, *infos = pipe.execute()
        head, of = _head(values)
        run_id = infos[0]["run_id"] if infos else of
        another = of not in ("", run_id)
        reason = ""
        if another and infos[1].get("second_repl_offset", NEVER_A_REPLICA) != NEVER_A_REPLICA:
            reason = FAIL_OVER
        elif _shrunk(head, seen) or (another and self._lost(head)):
            reason = LOSS
        missing = [seen.epoch] if seen.last and not head.epoch else []  # emptied under us
        if missing:
            reason = LOSS
        new = secrets.token_hex(4) if reason or not head.epoch else ""
        epoch = head.epoch
        if new or run_id != of:
            names = [keys.META, keys.LOG, keys.TIMELINE, keys.TIME_INDEX]
            arguments = [epoch, new, run_id, reason, *missing]
            epoch = self._scripts.renew_epoch(names, arguments).decode()
        if reason:
            log.error("log.reset", reason=reason, last=head.last, seen=seen.last, server=run_id)
        if epoch != self._seen.epoch:
            self._seen = Head(0, epoch)  # first, so that no thread takes the former for confirmed
        self._known = latest


def _head(values: list[bytes | None]) -> tuple[Head, str]:
    """Return the head, and the server that its epoch was last found on."""
    last, epoch, oldest, losses, server = values
    head = Head(int(last or 0), (epoch or b"").decode(), int(oldest or 0), int(losses or 0))
    return head, (server or b"").decode()


def _shrunk(head: Head, seen: Head) -> bool:
    return head.last < seen.last and head.epoch == seen.epoch
