"""End streams whose reader takes nothing; the web server itself would wait forever.

A stream's thread hangs in the server's sending then, where no check of ours runs, and its place
cannot be given to another before the thread is free. So the kernel ends the connection.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

SECONDS = 60.0  # in which a reader takes nothing at all, or its network is gone
OURS = Path("/proc/self/fd")
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def end_stalled(port: str) -> None:
    """Set a time limit on our connections at this port in which the reader must take something.

    This holds for the connections there are, the present one too, and for those to come. Do
    nothing where the system has no such limit (TCP_USER_TIMEOUT, tcp(7) of Linux) or the server
    has no port; never raise, as a stream works without it.
    """
    if not (port.isdecimal() and hasattr(socket, "TCP_USER_TIMEOUT")):
        return
    names: list[str] = []
    with suppress(OSError):  # no such folder, or no descriptor left to look into it
        names = os.listdir(OURS)
    for name in names:
        with suppress(OSError):  # no socket, or gone meanwhile
            _limit(os.dup(int(name)), int(port))


def _limit(descriptor: int, port: int) -> None:
    """Limit one socket if it is ours on this port; closes the descriptor."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        raise
    with found:
        if found.family in FAMILIES and found.getsockname()[1] == port:
            limit = int(SECONDS * 1000)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)
