"""The sandbox runs as a process of its own."""

import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from sandbox.config import SandboxConfig
from sandbox.server.server import start
from support.paths import ROOT
from support.sandboxes import BASIC, PATIENCE, SECRET

PROGRAM = """
import sys
from sandbox.config import SandboxConfig
from sandbox.server.server import serve
serve(SandboxConfig(webhook_secret=sys.argv[1], port=int(sys.argv[2])))
print("ended in order", flush=True)
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, SECRET, str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert answers(f"http://127.0.0.1:{port}/companies")
        process.send_signal(number)
        said, _ = process.communicate(timeout=PATIENCE)
        assert (said, process.returncode) == ("ended in order\n", 0)
    finally:
        process.kill()


def test_a_state_that_cannot_be_kept_ends_nothing(tmp_path):
    """As on a full disk: it is told, tried again, and kept when there is room."""
    folder = tmp_path / "kept"
    folder.write_text("")  # stands in the way
    config = SandboxConfig(webhook_secret=SECRET, port=0, state_file=folder / "state.json")
    with start(config) as running:
        assert running.save() in ("Not a directory", "File exists")
        assert requests.get(f"{running.url}/companies", headers={"Authorization": BASIC}).ok
        folder.unlink()
        assert running.save() is None
        folder.joinpath("state.json").unlink()
        folder.rmdir()
        folder.write_text("")
    assert folder.is_file()


def answers(url):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return requests.get(url, headers={"Authorization": BASIC}, timeout=5).ok
        except requests.ConnectionError:
            time.sleep(0.05)
    return False
