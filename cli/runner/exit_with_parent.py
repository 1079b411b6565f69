"""Run a command that ends when its parent does, even when the parent is killed.

Also a script, `exit_with_parent.py <parent's pid> <command> ...`, started by its path: code between
fork and exec is not safe in a process that has threads. It needs only the standard library.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def exit_with_parent(command: Sequence[str]) -> list[str]:
    """Return the command to start instead, from the main thread of this process."""
    return [sys.executable, "-I", "-S", str(Path(__file__)), str(os.getpid()), *command]


def main() -> None:
    """Ask the kernel for SIGTERM when the parent dies, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we could ask
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 (no shell is what we want)


if __name__ == "__main__":
    main()
