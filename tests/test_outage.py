"""A web process without Redis, and with one that hangs: 503, and recovery without a restart."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from ops import embedded
from parts import SECRET, make_event, signed

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
COMMAND = [sys.executable, "-m", "ops"]

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


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


def test_without_redis_webhooks_are_503_and_it_recovers_without_a_restart(tmp_path):
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
    return answer
