"""Judge the server: what is acknowledged must be on disk."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from redis.sentinel import SentinelConnectionPool

from relay.times import Seconds, follow, steady_ns

OLDEST = (6, 2)  # ZADD LT, SET PXAT, XRANGE with exclusive ends
WAITAOF_SINCE = (7, 2)  # Redis and Valkey alike
WAITAOF_MS = 2000
REPLICAS_MS = 1500  # until each replica must have confirmed a write
MAX_LAG = 5  # seconds; a replica confirms every second what it has
# What must be seen of the configuration; behind Sentinel the latter too.
NEEDED = ("appendonly", "appendfsync", "maxmemory-policy")
NEEDED_OF_REPLICAS = ("min-replicas-to-write", "min-replicas-max-lag")
READ = (*NEEDED, "no-appendfsync-on-rewrite", *NEEDED_OF_REPLICAS)
# An answer that says what state the server is in, not what it knows or allows: BUSY, OOM ...
# redis-py takes the code off those that it knows by a type of their own.
STATE = re.compile(r"(?:Command # .* caused error: )?[A-Z]{3,}\b", re.DOTALL)
ALL = "all"  # of the replicas that are in step must confirm each write


class ServerRefused(Exception):
    """The server would lose acknowledged messages; `str()` says what to change on it."""


@dataclass(frozen=True)
class Server:
    """What the server is, and what each acknowledged write must wait for."""

    version: str
    must_wait: bool  # appendfsync everysec: WAITAOF on the writing connection before answering
    replicas: int  # so many must confirm each acknowledged write at least
    accepted_risks: tuple[str, ...] = ()
    every_replica: bool = False  # and each one that is in step
    faults: Mapping[str, str] = field(default_factory=dict)  # risk not accepted -> what to change
    is_replica: bool = False
    aof_failed: bool = False  # the last write to the append-only file
    aof_is_written: bool = False  # the append-only file, anew: until then a first one keeps nothing

    @property
    def waits(self) -> bool:
        """Report whether a write is confirmed by more than its own answer."""
        return self.must_wait or self.replicas > 0 or self.every_replica

    @property
    def durability(self) -> str:
        """Say what an acknowledged message has behind it."""
        if lost := {"no-aof", "fsync", "unknown-config"} & set(self.accepted_risks):
            return f"at risk, accepted by setting: {', '.join(sorted(lost))}"
        said = "each write waited for (WAITAOF)" if self.must_wait else "on disk before it answers"
        if self.every_replica:
            return f"{said}, and with every replica in step"
        return f"{said}, and with {self.replicas} replicas" if self.replicas else said


def read_time(client: Redis) -> Seconds:
    """Return the server's time, and have this process go by it from now on."""
    began = steady_ns()
    asked: Any = client  # redis-py types each answer as a union of all it may be
    seconds, micros = asked.time()
    now = Seconds(seconds + micros / 1_000_000)
    follow(now, began)
    return now


def inspect(client: Redis, accept: Collection[str] = (), replicas: str | None = None) -> Server:
    """Judge a server as `judge` does; raise ServerRefused if it is set up too weak."""
    server = judge(client, accept, replicas)
    if server.faults:
        lines = "\n".join(f"  {fault}  [risk: {name}]" for name, fault in server.faults.items())
        raise ServerRefused(
            "The Redis or Valkey server may lose what has been acknowledged:\n"
            f"{lines}\nChange the server, or accept by name: "
            f"RELAY_ACCEPT_RISKS={','.join([*server.accepted_risks, *server.faults])}"
        )
    return server


def judge(client: Redis, accept: Collection[str] = (), replicas: str | None = None) -> Server:
    """Read version, append-only file, fsync mode, eviction and what is demanded of replicas.

    `accept` names the risks an operator takes on: `old-server`, `no-aof`, `fsync`, `eviction`,
    `no-min-replicas` (behind Sentinel), `unknown-config` (a managed server that does not show its
    configuration). `replicas` is how many confirm each acknowledged write: a number or `all`; None
    stands for `all` behind Sentinel and for none elsewhere. Raises redis.RedisError.
    """
    info: Any = client.info()
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    found = re.search(r"(\d+)(?:\.(\d+))?", version)
    numbers = tuple(int(part or 0) for part in found.groups()) if found else (0, 0)
    is_behind_sentinel = isinstance(client.connection_pool, SentinelConnectionPool)
    config = _config(client)
    faults: dict[str, str] = {}
    if numbers < OLDEST:
        faults["old-server"] = f"version {version}; 6.2 or newer is needed"
    must_wait = False
    needed = NEEDED + NEEDED_OF_REPLICAS * is_behind_sentinel
    if config is None:
        faults["unknown-config"] = (
            "it does not let us read its configuration (CONFIG GET), so durability cannot be seen"
        )
    else:
        if hidden := [name for name in needed if name not in config]:
            faults["unknown-config"] = (
                f"it does not show all of its configuration (CONFIG GET {', '.join(hidden)}), so"
                " durability cannot be seen"
            )
        must_wait = numbers >= WAITAOF_SINCE and config.get("appendfsync") == "everysec"
        faults |= _on_disk(config, must_wait=must_wait)
        if is_behind_sentinel:
            faults |= _on_replicas(config)
    wanted = replicas or (ALL if is_behind_sentinel else "0")
    return Server(
        version,
        must_wait,
        1 if wanted == ALL else int(wanted),
        tuple(name for name in faults if name in accept),
        every_replica=wanted == ALL,
        faults={name: fault for name, fault in faults.items() if name not in accept},
        is_replica=info.get("role") in ("slave", "replica"),
        aof_failed=info.get("aof_last_write_status", "ok") != "ok",
        aof_is_written=bool(
            info.get("aof_rewrite_in_progress") or info.get("aof_rewrite_scheduled")
        ),
    )


def takes_none(error: ResponseError) -> bool:
    """Report whether the server does not know the command or does not allow it."""
    if type(error) is ResponseError:
        return STATE.match(str(error)) is None
    return isinstance(error, NoPermissionError)


def in_step(replication: Mapping[str, Any]) -> frozenset[str] | None:
    """Name the replicas that confirm what they are sent, by INFO; None: this is no primary.

    Each is "address:port", as the sentinels name it.
    """
    if replication.get("role") != "master":
        return None
    replicas = (replication.get(f"slave{n}") for n in range(replication.get("connected_slaves", 0)))
    return frozenset(
        f"{replica['ip']}:{replica['port']}"
        for replica in replicas
        if isinstance(replica, Mapping)
        and replica.get("state") == "online"
        and replica.get("lag", 0) <= MAX_LAG
    )


def _on_disk(config: Mapping[str, str], *, must_wait: bool) -> dict[str, str]:
    faults = {}
    fsync = config.get("appendfsync")
    if config.get("appendonly", "yes") != "yes":
        faults["no-aof"] = "appendonly is off; set `appendonly yes`"
    elif fsync not in ("always", None) and not must_wait:
        faults["fsync"] = (
            f"appendfsync is {fsync}; set `appendfsync always`"
            " (or everysec on a server that has WAITAOF: Redis 7.2, Valkey)"
        )
    elif fsync == "always" and config.get("no-appendfsync-on-rewrite") == "yes":
        faults["fsync"] = (
            "no-appendfsync-on-rewrite is on, so nothing is on disk while files are rewritten;"
            " set `no-appendfsync-on-rewrite no`"
        )
    if config.get("maxmemory-policy") not in ("noeviction", None):
        faults["eviction"] = (
            f"maxmemory-policy is {config['maxmemory-policy']}, which drops keys silently;"
            " set `maxmemory-policy noeviction`"
        )
    return faults


def _on_replicas(config: Mapping[str, str]) -> dict[str, str]:
    """Behind Sentinel a primary that has lost its replicas must take nothing, as it may be lost."""
    if any(name not in config for name in NEEDED_OF_REPLICAS):
        return {}
    least, lag = (int(config[name]) for name in NEEDED_OF_REPLICAS)
    if least >= 1 and 1 <= lag <= MAX_LAG:
        return {}
    return {
        "no-min-replicas": f"min-replicas-to-write is {least} and min-replicas-max-lag {lag}, so a"
        " primary that was cut off takes in what a fail-over loses; set `min-replicas-to-write 1`"
        f" (or more) and `min-replicas-max-lag 2` (1 to {MAX_LAG}) on every server"
    }


def _config(client: Redis) -> dict[str, str] | None:
    """Read what matters of the configuration; None if the server does not show it.

    One by one, as several names in one CONFIG GET came with 7.0. Raises redis.RedisError, also for
    what the server says of the state it is in, as that tells nothing of its configuration.
    """
    config: dict[str, str] = {}
    try:
        with client.pipeline(transaction=False) as pipe:
            for name in READ:
                pipe.config_get(name)
            for answer in pipe.execute():
                config |= answer
    except ResponseError as error:
        if takes_none(error):
            return None
        raise
    return config
