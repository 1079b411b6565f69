"""One process we started: start it, read its output line by line, end it."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping

from cli.runner.exit_with_parent import exit_with_parent
from cli.runner.processes import Process
from cli.runner.restarts import Restarts
from cli.runner.sessions import kill_session

LAST_LINES = 20
MAX_LINE_BYTES = 64 * 1024  # bytes; a longer one is passed on in pieces
CHUNK = 64 * 1024


class Child:
    """A process that is started, watched and ended. It is not running until `start`."""

    def __init__(self, process: Process, environment: Mapping[str, str]) -> None:
        self.process = process
        self.restarts = Restarts()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.start_at: float | None = None  # when it is to be started again
        self.started = 0.0
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None
        self._rest = b""

    @property
    def name(self) -> str:
        """The process's name."""
        return self.process.name

    @property
    def pid(self) -> int | None:
        """Its id, None before the first start."""
        return self._running.pid if self._running else None

    @property
    def output(self) -> int | None:
        """The descriptor to wait on for output, None once it is at its end."""
        out = self._running.stdout if self._running else None
        return out.fileno() if out and not out.closed else None

    def start(self) -> None:
        """Start it, in a session of its own; it ends when we are killed."""
        self.start_at = None
        self.started = time.monotonic()
        self._rest = b""
        self._running = subprocess.Popen(  # noqa: S603
            exit_with_parent(self.process.command),
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._running.stdout is not None
        os.set_blocking(self._running.stdout.fileno(), False)

    def read_lines(self) -> list[str]:
        """Return the whole lines there are now, without waiting."""
        assert self._running is not None
        out = self._running.stdout
        if out is None or out.closed:
            return []
        try:
            data = os.read(out.fileno(), CHUNK)
        except BlockingIOError:
            return []
        if not data:
            out.close()
            data = b"\n" if self._rest else b""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            whole, self._rest = [*whole, self._rest], b""
        lines = [line.decode("utf-8", "replace").rstrip("\r") for line in whole]
        self.last_lines.extend(lines)
        return lines

    def exit_code(self) -> int | None:
        """Return its exit code; None while it runs, or has not been started."""
        return self._running.poll() if self._running else None

    def alive(self) -> bool:
        """Whether it runs."""
        return self._running is not None and self._running.poll() is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process itself, which knows how to end what it started."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)

    def kill_all(self) -> None:
        """Kill what is left of it and of all it started."""
        if self._running is None:
            return
        kill_session(self._running.pid)
        self._running.wait()

    def close(self) -> None:
        """Close the output's descriptor, read or not."""
        if self._running is not None and self._running.stdout is not None:
            self._running.stdout.close()
