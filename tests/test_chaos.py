"""Processes killed with SIGKILL in the middle of a storm: nothing lost, nothing doubled.

`RELAY_CHAOS_ROUNDS` makes it longer than the one round of the test suite (`make chaos`).
"""

import http.client
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops import embedded
from ops.processes import PROCESSES
from parts import SECRET, signed
from relay.store.connect import connect
from relay.store.server import inspect
from relay.store.store import Store, fix_lanes
from storm import check_store, make_storm

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had

ROUNDS = int(os.environ.get("RELAY_CHAOS_ROUNDS", "1"))
PATIENCE = 90.0  # seconds until the backlog must be gone
RUN = {process.name: process.command for process in PROCESSES}


@dataclass
class Fleet:
    """The service's processes on a server of their own, each of which can be killed."""

    data_dir: Path
    port: int
    server: embedded.EmbeddedServer
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    def start(self, name: str) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.server.url,
            "PORT": str(self.port),
            "CODAT_WEBHOOK_SECRETS": SECRET,
            "CODAT_API_URL": "http://127.0.0.1:9",
            "RELAY_DEFAULT_CADENCE": "none",
            "RELAY_LOG_LEVEL": "warning",
        }
        kind = name.partition("-")[0]
        log = (self.data_dir.parent / f"{name}.log").open("ab")
        root = Path(__file__).parents[1]
        self.running[name] = subprocess.Popen(
            RUN[kind], env=environ, stdout=log, stderr=log, start_new_session=True, cwd=root
        )

    def kill(self, name: str) -> None:
        self.killed.append(name)
        if name == "server":
            os.kill(server_pid(self.server), signal.SIGKILL)
            self.server.process.wait()
            self.server.lock.close()
            self.server = embedded.start(self.data_dir)
            return
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait()
        self.start(name)

    def revive(self) -> None:
        """Start again what ended by itself, as the supervisor would."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name)

    def stop(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.server.stop()


def server_pid(server: embedded.EmbeddedServer) -> int:
    with connect(server.url) as client:
        return int(client.info("server")["process_id"])


@pytest.fixture
def fleet(tmp_path) -> Iterator[Fleet]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir = tmp_path / "data"
    fleet = Fleet(data_dir, port, embedded.start(data_dir))
    try:
        for name in ("web", "drain-1", "drain-2", "scheduler"):
            fleet.start(name)
        yield fleet
    finally:
        fleet.stop()


def post_until_taken(port: int, deliveries: list[tuple[str, bytes]], refused: list[int]) -> None:
    """Send each delivery again until it is answered 204, as Codat does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    for message_id, body in deliveries:
        while True:
            try:
                connection.request(
                    "POST", "/webhooks/codat", body, signed(body, message_id=message_id)
                )
                answer = connection.getresponse()
                answer.read()
                if answer.status == 204:
                    break
                refused.append(answer.status)
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_kills_in_the_middle_of_a_storm_lose_and_double_nothing(fleet, seed):
    storm = make_storm(seed, events=2000, companies=50)
    refused: list[int] = []
    senders = [
        threading.Thread(
            target=post_until_taken, args=(fleet.port, storm.deliveries[n::4], refused)
        )
        for n in range(4)
    ]
    wait_until_ready(fleet)
    for sender in senders:
        sender.start()
    victims = ["web", "drain-1", "server", "drain-2", "scheduler"] * 2
    random.Random(seed).shuffle(victims)
    for victim in victims:
        time.sleep(0.25)
        fleet.kill(victim)
        fleet.revive()
    assert any(sender.is_alive() for sender in senders), "the storm was over before the kills"
    while any(sender.is_alive() for sender in senders):
        fleet.revive()
        time.sleep(0.1)
    wait_until_applied(fleet)
    with connect(fleet.server.url) as client:
        check_store(Store(client, inspect(client), lanes=fix_lanes(client, 64)), storm)
    # An internal fault is 503 and nothing else, or a broken connection (invariant 7).
    assert set(refused) <= {503}
    assert set(fleet.killed) == {"web", "drain-1", "drain-2", "server", "scheduler"}


def wait_until_ready(fleet: Fleet) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection(urlsplit(f"//127.0.0.1:{fleet.port}").netloc)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the web process did not come up")


def wait_until_applied(fleet: Fleet) -> None:
    deadline = time.monotonic() + PATIENCE
    with connect(fleet.server.url) as client:
        inbox = Store(client, inspect(client)).inbox
        while time.monotonic() < deadline:
            fleet.revive()
            if inbox.depths()["lanes_waiting"] == 0:
                return
            time.sleep(0.1)
    raise AssertionError(f"lanes were left waiting: {inbox.depths()}")
