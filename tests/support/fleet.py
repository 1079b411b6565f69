"""The service's processes on a server of their own, each of which can be killed or frozen."""

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.runner import embedded
from cli.runner.processes import PROCESSES
from relay.store.server.checks import inspect
from relay.store.server.connect import connect
from relay.store.store import Store, fix_lanes
from support.parts import SECRET
from support.paths import ROOT
from support.waiting import wait_until

READY_TIMEOUT = 90.0  # seconds until a web process must be up
RUN = {process.name: process.command for process in PROCESSES}


@dataclass
class Fleet:
    """Processes by name: the word before a `-` says which of the Procfile's it is."""

    data_dir: Path
    port: int
    server: embedded.EmbeddedServer
    settings: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    @property
    def webhooks(self) -> str:
        """Where Codat posts to."""
        return f"http://127.0.0.1:{self.port}/webhooks/codat"

    def start(self, name: str) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.server.url,
            "PORT": str(self.port),
            "CODAT_WEBHOOK_SECRETS": SECRET,
            "CODAT_API_URL": "http://127.0.0.1:9",
            "RELAY_DEFAULT_CADENCE": "none",
            "RELAY_LOG_LEVEL": "warning",
            **self.settings,
        }
        with self.log_of(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                RUN[name.partition("-")[0]],
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=ROOT,
            )

    def wait_until_ready(self) -> None:
        """Wait until the web process takes webhooks; a sender that meets none waits for long."""
        wait_until(self._is_ready, "the web process", READY_TIMEOUT, every=0.1)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def log_of(self, name: str) -> Path:
        return self.data_dir.parent / f"{name}.log"

    def kill(self, name: str) -> None:
        """Kill with SIGKILL and start again, as the supervisor would."""
        self.killed.append(name)
        if name == "server":
            os.kill(server_pid(self.server), signal.SIGKILL)
            self.server.process.wait()
            self.server.lock.close()
            self.server = embedded.start(self.data_dir)
            return
        self.signal(name, signal.SIGKILL)
        self.running[name].wait()
        self.start(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.running[name].pid, number)

    def revive(self) -> None:
        """Start again what ended by itself, as the supervisor would."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name)

    @contextmanager
    def store(self) -> Iterator[Store]:
        with connect(self.server.url) as client:
            yield Store(client, inspect(client), lanes=fix_lanes(client, 64))

    def stop_processes(self) -> None:
        """End all but the server."""
        for name, process in self.running.items():
            if process.poll() is None:
                self.signal(name, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        self.stop_processes()
        self.server.stop()


def server_pid(server: embedded.EmbeddedServer) -> int:
    with connect(server.url) as client:
        return int(client.info("server")["process_id"])


@contextmanager
def running_fleet(folder: Path, *names: str, **settings: Any) -> Iterator[Fleet]:
    """Run these processes for the time of a test; settings are the environment's, in lower case."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir = folder / "data"
    environ = {name.upper(): str(value) for name, value in settings.items()}
    fleet = Fleet(data_dir, port, embedded.start(data_dir), environ)
    try:
        for name in names:
            fleet.start(name)
        yield fleet
    finally:
        fleet.stop()
