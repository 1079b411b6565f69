"""Ask the sentinels which replicas a write may do without: those that none can make the primary.

A primary that was frozen, and wakes as Sentinel makes a replica the primary, knows nothing of it:
that replica has merely left. The other ones still confirm what it writes, and it is lost once they
follow the new primary. So a primary with fewer replicas than before counts as safe only when a
majority of the sentinels say where the missing ones are.
"""

import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from redis.sentinel import SentinelConnectionPool

FAILING_OVER = {
    "s_down": "sees the primary as down",
    "o_down": "sees the primary as down",
    "failover_in_progress": "makes another server the primary",
}


class Sentinels:
    """The sentinels by which a client finds its primary."""

    def __init__(self, client: Redis) -> None:
        pool: Any = client.connection_pool  # redis-py leaves it and its answers without types
        self._client: Any = client
        self._pool = pool
        self._service: str = pool.service_name
        self._sentinels: Sequence[Any] = pool.sentinel_manager.sentinels

    @classmethod
    def of(cls, client: Redis) -> "Sentinels | None":
        """Return the sentinels of a client, None if it has none."""
        is_behind_some = isinstance(client.connection_pool, SentinelConnectionPool)
        return cls(client) if is_behind_some else None

    def follow(self) -> None:
        """Have connections to a former primary closed once they are free."""
        with suppress(RedisError):  # no sentinel knows of a primary now
            self._pool.get_master_address()

    def look(self) -> tuple[str, Mapping[str, Any]]:
        """Return the address of the server behind a connection, and its INFO replication."""
        connection = self._pool.get_connection()
        try:
            connection.send_command("INFO", "replication")
            address = f"{connection.host}:{connection.port}"
            return address, self._client.parse_response(connection, "INFO")
        finally:
            self._pool.release(connection)

    def objection(self, primary: str, replicas: Collection[str]) -> str:
        """Return why a write that these replicas of this primary confirmed may be lost, or ''.

        Each is an "address:port".
        """
        views, silent = [], ""
        for sentinel in self._sentinels:
            try:
                named = sentinel.sentinel_master(self._service)
                known = sentinel.sentinel_slaves(self._service)
            except (RedisError, OSError) as error:
                silent = f": {str(error)[:200]}"
                continue
            views.append(View(_by_number(named), [_by_number(replica) for replica in known]))
        here, confirmed = _numbered(primary), {_numbered(replica) for replica in replicas}
        return objection(views, len(self._sentinels), here, confirmed, silent)


@dataclass(frozen=True, slots=True)
class View:
    """What one sentinel says: its SENTINEL MASTER and SENTINEL REPLICAS."""

    primary: Mapping[str, Any]
    replicas: Sequence[Mapping[str, Any]]


def objection(
    views: Sequence[View], asked: int, primary: str, replicas: Collection[str], silent: str = ""
) -> str:
    """Return what sentinels have against these replicas being all that must confirm, or ''."""
    known = max([asked, *(int(view.primary["num-other-sentinels"]) + 1 for view in views)])
    for view in views:
        if _address(view.primary) != primary:
            return "Sentinel names another primary"
        for flag in _flags(view.primary):
            if flag in FAILING_OVER:
                return f"Sentinel {FAILING_OVER[flag]}"
        missing = [
            _address(replica)
            for replica in view.replicas
            if _address(replica) not in replicas
            and _is_promotable(replica, is_sure=len(views) == known)
        ]
        if missing:
            return f"Sentinel may make {', '.join(missing)} the primary, which has not confirmed"
    if len(views) <= known // 2:
        return f"only {len(views)} of {known} sentinels say where the other replicas are{silent}"
    return ""


def _is_promotable(replica: Mapping[str, Any], *, is_sure: bool) -> bool:
    """Report whether Sentinel may make it the primary, or has; `is_sure`: all have answered."""
    if "s_down" in _flags(replica) or replica["slave-priority"] == 0:
        return False
    if replica["role-reported"] == "master":
        # A former primary that does not follow yet, unless one that we do not hear has made it so.
        return not is_sure
    # One that has lost its primary, or is being filled, is behind the others and comes last.
    return bool(replica["master-link-status"] == "ok")


def _by_number(instance: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a sentinel says of a server, its host by number."""
    return {**instance, "ip": _numbered(_address(instance)).rpartition(":")[0]}


def _numbered(address: str) -> str:
    """Return an address whose host is a number, as servers and sentinels may name it either way."""
    host, _, port = address.rpartition(":")
    with suppress(OSError, UnicodeError):
        host = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    return f"{host}:{port}"


def _address(instance: Mapping[str, Any]) -> str:
    return f"{instance['ip']}:{instance['port']}"


def _flags(instance: Mapping[str, Any]) -> Collection[str]:
    return str(instance["flags"]).split(",")
