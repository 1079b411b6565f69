"""The whole service on this machine, as `codat-relay up` runs it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from support.paths import ROOT

PATIENCE = 60.0
COMMAND = [sys.executable, "-P", "-m", "cli"]  # as the script does, away from where it stands

OURS_ALONE = ("cli", "relay", "codat", "portal", "redis", "rq", "flask", "json", "logging", "types")


class Up:
    """A running `codat-relay up`."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path, env: dict[str, str]) -> None:
        self.process = process
        self.env = env
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text(errors="surrogateescape")

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines of all that it started."""
        found = {}
        for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda f: int(f.name)):
            try:
                if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) in (
                    self.process.pid,
                    *found,
                ):
                    found[int(folder.name)] = (
                        (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
                    )
            except (OSError, IndexError):
                continue
        return found

    def get(self, path: str) -> int:
        try:
            return requests.get(f"http://127.0.0.1:{self.env['PORT']}{path}", timeout=5).status_code
        except requests.RequestException:
            return 0


def wait_for(condition: Callable[[], bool], running: Up) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, running.said
        time.sleep(0.05)


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        return a.getsockname()[1], b.getsockname()[1]


@contextmanager
def up(data: Path) -> Iterator[Up]:
    port, sandbox_port = free_ports()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = inherited | {
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "RELAY_DATA_DIR": str(data),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    for name in OURS_ALONE:  # what lies where we are started is not ours
        (data.parent / f"{name}.py").write_text("raise SystemExit('imported from where we stand')")
    output = data.with_name(f"output-{port}")
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [*COMMAND, "up"], env=env, cwd=data.parent, stdout=sink, stderr=sink
        )
        running = Up(process, output, env)
        try:
            wait_for(lambda: "codat-relay is up." in running.said, running)
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
