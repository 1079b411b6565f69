"""End every process of a session, also those that moved to a process group of their own."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

GONE_WITHIN = 5.0  # seconds; killing takes no longer unless the disk hangs
SESSION_FIELD = 3  # of /proc/<pid>/stat, counted after the command name in parentheses


def kill_session(leader: int) -> None:
    """Kill all that is left of the session `leader` began, and wait until it has gone.

    Where there is no /proc, the leader's process group stands for the session.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    deadline = time.monotonic() + GONE_WITHIN
    while (left := members(leader)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def members(leader: int) -> list[int]:
    """Return the ids of the living processes in the session `leader` began."""
    return [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if _session(entry / "stat") == leader
    ]


def _session(stat: Path) -> int | None:
    try:
        state, *fields = (
            stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return int(fields[SESSION_FIELD - 1]) if state != "Z" else None
    except (OSError, ValueError, IndexError):
        return None
