"""The service as a user starts it: `up`, `demo`, stop, start again; and the web without Redis."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from parts import SECRET, company_id, make_event, signed

from ops import embedded

ROOT = Path(__file__).parents[1]
PATIENCE = 90.0
COMMAND = [sys.executable, "-m", "ops"]


def free_port() -> int:
    """A port whose next one is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


def until(met: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if found := met():
                return found
        except (OSError, requests.RequestException):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come about")


class Up:
    """`codat-relay up` on a data directory of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PORT": str(port),
            "RELAY_DATA_DIR": str(folder / "data"),
            "RELAY_LOG_LEVEL": "warning",
        }

    def start(self) -> None:
        self.log = (self.folder / "up.log").open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, "up"], env=self.environ, cwd=ROOT, stdout=self.log, stderr=self.log,
            start_new_session=True,
        )  # fmt: skip
        until(lambda: requests.get(f"{self.url}/readyz", timeout=2).ok, f"start; {self.said()}")
        # The start lines come last: the token file is there by then.
        until(lambda: "codat-relay demo" in self.said(), "the start lines")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], env=self.environ, cwd=ROOT, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def said(self) -> str:
        return (self.folder / "up.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def get(self, path: str) -> Any:
        token = (self.folder / "data" / "operator-token").read_text().strip()
        answer = requests.get(
            self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()

    def family(self) -> list[str]:
        """The processes that were started for this data directory and still run."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"RELAY_DATA_DIR={self.folder / 'data'}".encode() in environ:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found


@pytest.fixture
def up(tmp_path) -> Iterator[Up]:
    try:
        embedded.find_binary()
    except embedded.CannotStart:
        from conftest import NEEDS_SERVER

        pytest.skip(NEEDS_SERVER)
    running = Up(tmp_path, free_port())
    running.start()
    yield running
    if running.process.poll() is None:
        running.stop()
    running.log.close()


@pytest.mark.timeout(300)
def test_up_then_demo_then_stop_then_both_again(up):
    first = up.run("demo", "--companies", "4")
    assert first.returncode == 0, first.stdout + first.stderr
    companies = up.get("/v1/companies")["companies"]
    assert len(companies) == 4
    assert {c["status"] for c in companies} == {"Linked"}
    assert {c["name_source"] for c in companies} == {"codat"}
    events, cursor = [], "0"
    while page := up.get(f"/v1/events?after={cursor}&limit=500")["events"]:
        events += page
        cursor = page[-1]["id"]
    assert [event["id"] for event in events] == [str(n) for n in range(1, len(events) + 1)]
    renamed = [event["subject"] for event in events if event["type"] == "company.renamed"]
    assert sorted(renamed) == sorted(c["id"] for c in companies)
    assert up.get("/v1/dead-letters")["dead_letters"] == []

    assert up.stop(signal.SIGINT) == 0
    until(lambda: up.family() == [], f"the end of {up.family()}")

    up.start()
    assert len(up.get("/v1/companies")["companies"]) == 4
    second = up.run("demo", "--companies", "3")
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(up.get("/v1/companies")["companies"]) == 7
    assert up.get(f"/v1/events?after={cursor}&limit=1")["events"][0]["id"] == str(len(events) + 1)
    assert up.stop() == 0
    until(lambda: up.family() == [], f"the end of {up.family()}")


@pytest.mark.timeout(300)
def test_a_child_that_is_killed_is_started_again(up):
    def worker() -> int | None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes()
                    environ = (entry / "environ").read_bytes()
                except OSError:
                    continue
                mine = f"RELAY_DATA_DIR={up.folder / 'data'}".encode() in environ
                if mine and line.endswith(b"ops\0worker\0drain\0"):
                    return int(entry.name)
        return None

    before = until(worker, "the worker")
    os.kill(before, signal.SIGKILL)
    until(lambda: (now := worker()) and now != before, "a new worker")
    demo = up.run("demo", "--companies", "2")
    assert demo.returncode == 0, demo.stdout + demo.stderr


@pytest.mark.timeout(300)
def test_without_redis_webhooks_are_503_and_it_recovers_without_a_restart(tmp_path):
    try:
        embedded.find_binary()
    except embedded.CannotStart:
        from conftest import NEEDS_SERVER

        pytest.skip(NEEDS_SERVER)
    server = embedded.start(tmp_path / "data")
    address = server.url
    server.stop()
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": address,
        "PORT": str(port),
        "CODAT_WEBHOOK_SECRETS": SECRET,
        "RELAY_LOG_LEVEL": "error",
    }
    web = subprocess.Popen([*COMMAND, "web"], env=environ, cwd=ROOT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: requests.get(f"{url}/healthz", timeout=5).ok, "the web process")
        refused = post(port)
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        missing = requests.get(f"{url}/readyz", timeout=10)
        assert missing.status_code == 503
        assert "redis" in missing.text.lower()

        server = embedded.start(tmp_path / "data")
        until(lambda: post(port).status == 204, "recovery")
        assert requests.get(f"{url}/readyz", timeout=10).status_code == 200

        # A server that hangs: the answer still comes, well within Codat's 15 seconds.
        os.kill(server_pid(server), signal.SIGSTOP)
        assert post(port).status == 503
        hanging = requests.get(f"{url}/readyz", timeout=30)
        assert hanging.status_code == 503
        os.kill(server_pid(server), signal.SIGCONT)
        until(lambda: post(port).status == 204, "recovery after the hang")
    finally:
        os.kill(server_pid(server), signal.SIGCONT)
        web.terminate()
        web.wait(30)
        server.stop()


def server_pid(server: embedded.EmbeddedServer) -> int:
    """The server itself: the process we started runs it in its own place."""
    return server.process.pid


def post(port: int) -> http.client.HTTPResponse:
    body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("POST", "/webhooks/codat", body, signed(body))
    answer = connection.getresponse()
    answer.read()
    assert company_id(1).encode() in body
    return answer
