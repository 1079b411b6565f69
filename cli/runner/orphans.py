"""Reap processes that became ours when their parents ended, as in a container."""

import os
from collections.abc import Collection


def reap_orphans(ours: Collection[int]) -> None:
    """Let processes that have ended and are not `ours` (process ids) go, without waiting.

    The first process of a container is made the parent of every process that loses its own. Unless
    it asks how they ended, each stays a zombie.
    """
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in ours:  # the part that started it waits for it
            return
        os.waitpid(found.si_pid, 0)
