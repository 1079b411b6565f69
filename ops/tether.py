"""Run a command that ends when its parent does: `tether.py <parent's pid> <command> ...`.

Started by path as a script of its own, because code between fork and exec is not safe in a process
that has threads. Needs nothing but the standard library.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


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
