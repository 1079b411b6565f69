"""Start what is measured, each in a session of its own, and end exactly that."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.events import SECRET
from cli.runner.exit_with_parent import exit_with_parent
from cli.runner.sessions import kill_session

ROOT = Path(__file__).resolve().parent.parent
Process = subprocess.Popen[bytes]

START_TIMEOUT = 20.0  # seconds
STOP_TIMEOUT = 10.0


class DidNotWork(Exception):
    """A measured process did not start, did not end, or lost something; `str()` says which."""


def environment(redis_url: str, **more: str) -> dict[str, str]:
    """What a measured process sees: nothing of the settings this shell may have."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return keep | {
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": redis_url,
        "CODAT_WEBHOOK_SECRETS": SECRET,
        **more,
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for a server's data, on a disk: in memory, an fsync would cost nothing."""
    lasting = Path("/var/tmp")
    where = lasting if lasting.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="codat-relay-bench-", dir=where) as folder:
        yield Path(folder)


@contextmanager
def running(command: list[str], env: dict[str, str], folder: Path) -> Iterator[Process]:
    """A process while the block lasts; its output is shown if the block fails."""
    said = folder / "output"
    with said.open("wb") as output:
        process = subprocess.Popen(
            exit_with_parent([sys.executable, *command]),
            env=env,
            cwd=folder,  # so that it reads no .env of ours
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        except Exception:
            last = said.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            print("\n".join(last), file=sys.stderr)
            raise
        finally:
            _end(process)


def _end(process: Process) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
    kill_session(process.pid)
    process.wait(STOP_TIMEOUT)


def wait_for_port(port: int, process: Process) -> None:
    """Return once something listens; raises DidNotWork when the process ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise DidNotWork("a measured server did not come up")
