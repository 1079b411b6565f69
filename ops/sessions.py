"""End every process of a session, also those that moved to a process group of their own."""

import os
import signal
from contextlib import suppress
from pathlib import Path

SESSION_FIELD = 3  # of /proc/<pid>/stat, counted after the command name in parentheses


def kill_session(leader: int) -> None:
    """Send SIGKILL to all that is left of the session `leader` began; it may be gone already.

    Where there is no /proc, the leader's process group stands for the session.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in members(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def members(leader: int) -> list[int]:
    """Give the ids of the living processes in the session `leader` began."""
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
