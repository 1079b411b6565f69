"""A primary with two replicas and three sentinels on loopback, any of which can be killed."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from cli.runner import embedded
from support.waiting import wait_until

SERVICE = "relay-test"
SERVERS, SENTINELS = 3, 3
DOWN_AFTER_MS = 2000  # a server of a busy machine that hangs for a second is not down
STRONG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": '""',
    "maxmemory-policy": "noeviction",
    "min-replicas-to-write": "1",
    "min-replicas-max-lag": "2",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "protected-mode": "no",
    "loglevel": "warning",
}


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Sentinels:
    """Servers and sentinels, each by its port."""

    folder: Path
    servers: list[int]
    sentinels: list[int]
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address by which the service finds the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def client(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, socket_timeout=2, retry=None)

    def start(self, port: int, *, of: int | None = None, **settings: str) -> None:
        """Start a server, or start it again; `of` is the primary it is to follow."""
        place = self.folder / str(port)
        place.mkdir(exist_ok=True)
        config = place / "server.conf"
        if not config.exists():
            lines = {"port": str(port), "bind": "127.0.0.1", "dir": str(place), **STRONG}
            lines |= {name.replace("_", "-"): value for name, value in settings.items()}
            config.write_text("".join(f"{n} {v}\n" for n, v in lines.items()))
        follow = ["--replicaof", f"127.0.0.1 {of}"] if of is not None else []
        self._run(port, [str(config), *follow])

    def start_sentinel(self, port: int, *more: str) -> None:
        place = self.folder / str(port)
        place.mkdir()
        config = place / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {place}\nloglevel notice\n"
            f"logfile {place}/log\nprotected-mode no\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.servers[0]} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 4000\n"
            f"sentinel parallel-syncs {SERVICE} 2\n" + "".join(f"{line}\n" for line in more)
        )
        self._run(port, [str(config), "--sentinel"])

    def _run(self, port: int, arguments: list[str]) -> None:
        self.running[port] = subprocess.Popen(
            [embedded.find_binary(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def primary(self) -> int:
        """The port of the primary, which all sentinels name."""
        named = []
        for port in self.sentinels:
            host_and_port = self.client(port).execute_command(
                "SENTINEL", "get-master-addr-by-name", SERVICE
            )
            named.append(int(host_and_port[1]))
        if len(set(named)) > 1:
            raise LookupError("the sentinels do not agree yet")
        return named[0]

    def in_step(self) -> bool:
        """Whether every server that runs but the primary follows it."""
        info: Any = self.client(self.primary()).info("replication")
        wanted = sum(1 for port in self.servers if port in self.running) - 1
        good = [info[f"slave{n}"]["state"] == "online" for n in range(info["connected_slaves"])]
        return info["role"] == "master" and len(good) == wanted and all(good)

    def settled(self) -> bool:
        """Whether every sentinel knows of all others and of all servers, so they can fail over."""
        for port in self.sentinels:
            [state] = [
                one
                for one in self.client(port).sentinel_masters().values()
                if one["name"] == SERVICE
            ]
            if int(state["num-other-sentinels"]) < SENTINELS - 1:
                return False
            if int(state["num-slaves"]) < SERVERS - 1 or state["is_sdown"]:
                return False
        return self.in_step()

    def signal(self, port: int, number: signal.Signals) -> None:
        os.kill(self.running[port].pid, number)

    def kill(self, port: int) -> None:
        process = self.running.pop(port)
        process.kill()
        process.wait()

    def fail_over(self) -> tuple[int, int]:
        """Kill the primary and wait until the sentinels name another; give the old and the new."""
        old = self.primary()
        self.kill(old)
        new = wait_until(lambda: (port := self.primary()) != old and port, "another primary")
        return old, new

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.running.values():
            process.wait()


@contextmanager
def running_sentinels(folder: Path, **settings: str) -> Iterator[Sentinels]:
    """Run a set of its own; `settings` are the servers', over `STRONG`."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_ports(SERVERS + SENTINELS)
    site = Sentinels(folder, ports[:SERVERS], ports[SERVERS:])
    try:
        first, *others = site.servers
        site.start(first, **settings)
        for port in others:
            site.start(port, of=first, **settings)
        # Sentinels look for replicas when they begin, and then every ten seconds.
        primary = site.client(first)
        wait_until(
            lambda: primary.info("replication")["connected_slaves"] == len(others), "replicas"
        )
        for port in site.sentinels:
            site.start_sentinel(port)
        wait_until(site.settled, "a settled set of sentinels")
        yield site
    finally:
        site.stop()
