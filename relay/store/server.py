"""Judge the server at start: what is acknowledged must be on disk, or nothing is acknowledged."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

OLDEST = (6, 2)  # ZADD LT, SET PXAT, XRANGE with exclusive ends
WAITAOF_SINCE = (7, 2)  # Redis and Valkey alike
WAITAOF_MS = 2000


class ServerRefused(Exception):
    """The server would lose acknowledged messages; `str()` says what to change on it."""


@dataclass(frozen=True)
class Server:
    """What the server is, and what each acknowledged write must wait for."""

    version: str
    must_wait: bool  # appendfsync everysec: WAITAOF on the writing connection before answering
    replicas: int
    accepted_risks: tuple[str, ...] = ()


def inspect(client: Redis, accept: Collection[str] = ()) -> Server:
    """Read version, append-only file, fsync mode and eviction; raise ServerRefused if too weak.

    `accept` names the risks an operator takes on: `old-server`, `no-aof`, `fsync`, `eviction`,
    `unknown-config` (a managed server that does not show its configuration).
    """
    info: Any = client.info()
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in version.split(".")[:2])
    faults: dict[str, str] = {}
    if numbers < OLDEST:
        faults["old-server"] = f"version {version}; 6.2 or newer is needed"
    config = _config(client)
    must_wait = False
    if config is None:
        faults["unknown-config"] = (
            "it does not let us read its configuration (CONFIG GET), so durability cannot be seen"
        )
    else:
        if config.get("appendonly") != "yes":
            faults["no-aof"] = "appendonly is off; set `appendonly yes`"
        elif config.get("appendfsync") != "always":
            must_wait = numbers >= WAITAOF_SINCE and config.get("appendfsync") == "everysec"
            if not must_wait:
                faults["fsync"] = (
                    f"appendfsync is {config.get('appendfsync')}; set `appendfsync always`"
                    " (or everysec on a server that has WAITAOF: Redis 7.2, Valkey)"
                )
        if config.get("maxmemory-policy") not in ("noeviction", None):
            faults["eviction"] = (
                f"maxmemory-policy is {config['maxmemory-policy']}, which drops keys silently;"
                " set `maxmemory-policy noeviction`"
            )
    refused = {name: fault for name, fault in faults.items() if name not in accept}
    if refused:
        lines = "\n".join(f"  {fault}  [risk: {name}]" for name, fault in refused.items())
        raise ServerRefused(
            "The Redis or Valkey server may lose what has been acknowledged:\n"
            f"{lines}\nChange the server, or accept by name: RELAY_ACCEPT_RISKS={','.join(refused)}"
        )
    return Server(version, must_wait, int(info.get("connected_slaves", 0)), tuple(faults))


def _config(client: Redis) -> dict[str, str] | None:
    try:
        config: Any = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
        return dict(config)
    except ResponseError:
        return None
