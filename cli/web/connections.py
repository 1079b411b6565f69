"""Limit the open connections: of too many, end those that have been idle for longest.

The web server takes so many connections and then no more, though most of them only lie open. It
knows no limit for one address either. So the process looks at its own connections, in a folder that
Linux alone has; elsewhere a connection that asks nothing goes when its time for a head is up.
"""

import os
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from cli.web.senders import sender_of
from portal.http.stalled import SECONDS, end_stalled

MAX_CONNECTIONS = 4096  # connections of one process
MIN_CONNECTIONS = 128  # however few files it may open
TIDY_ABOVE, TIDY_TO = 0.75, 0.5  # shares of them: above which some are ended, and how many stay
POLL_SECONDS = 0.25  # seconds
OTHER_FILES = 256  # that a process has open besides connections
OPEN_FILES = Path("/proc/self/fd")
FAMILIES = (socket.AF_INET, socket.AF_INET6)

Peer = tuple[str, int]
log = structlog.get_logger(__name__)


def raise_limit(threads: int) -> int:
    """Raise this process's limit of open files; return how many connections it has room for.

    Each of the `threads` may need a connection to the store, and one to Codat.
    """
    others = OTHER_FILES + 2 * threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < MAX_CONNECTIONS + others:
        most = (
            MAX_CONNECTIONS + others
            if hard == resource.RLIM_INFINITY
            else min(hard, MAX_CONNECTIONS + others)
        )
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return (
        MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, soft - others))
    )


class Connections:
    """The connections to one port. Those for which `is_busy` says so are left alone."""

    def __init__(self, port: int, most: int, is_busy: Callable[[Peer], bool]) -> None:
        self._port = port
        self._limit = int(most * TIDY_ABOVE)
        self._keep = int(most * TIDY_TO)
        self._is_busy = is_busy
        self._idle_since: dict[Peer, float] = {}

    def start(self) -> None:
        """Look after them from now on, in a thread of its own."""
        if OPEN_FILES.is_dir():
            threading.Thread(target=self._look_after, name="connections", daemon=True).start()

    def tidy(self, now: float) -> int:
        """End connections if there are too many, and return how many; `now` is in seconds."""
        if len(_descriptors()) < self._limit:
            self._idle_since.clear()
            return 0
        open_ones = dict(self._connections())
        idle = {
            peer: self._idle_since.get(peer, now) for peer in open_ones if not self._is_busy(peer)
        }
        self._idle_since = idle
        too_many = len(open_ones) - self._keep if len(open_ones) >= self._limit else 0
        by_sender = Counter(sender_of(host) for host, _ in idle)
        in_turn = sorted(idle, key=lambda peer: (-by_sender[sender_of(peer[0])], idle[peer]))
        ended = in_turn[: max(0, too_many)]
        for peer in ended:
            del idle[peer]
            _end(open_ones[peer], peer)
        return len(ended)

    def close(self, spare: Callable[[Peer], bool]) -> None:
        """End every connection but those to spare, until the process ends.

        One goes only when it was seen so twice: what was answered last may still be on its way.
        """
        seen: set[Peer] = set()
        while True:
            found = {peer: at for peer, at in self._connections() if not spare(peer)}
            for peer in seen & found.keys():
                _end(found[peer], peer)
            seen = set(found)
            time.sleep(POLL_SECONDS)

    def _look_after(self) -> None:
        again = 0.0
        while True:
            time.sleep(POLL_SECONDS)
            try:
                if time.monotonic() >= again:  # also a connection that takes nothing of an answer
                    end_stalled(str(self._port))
                    again = time.monotonic() + SECONDS
                if ended := self.tidy(time.monotonic()):
                    log.warning("connections.ended", count=ended, reason="too many lay open")
            except Exception:
                log.exception("connections.not_looked_after")

    def _connections(self) -> Iterator[tuple[Peer, int]]:
        for descriptor in _descriptors():
            with suppress(OSError), _opened(descriptor) as found:
                if found.family in FAMILIES and found.getsockname()[1] == self._port:
                    yield found.getpeername()[:2], descriptor


def _descriptors() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir(OPEN_FILES)]
    return []


def _opened(descriptor: int) -> socket.socket:
    """Return a socket by a descriptor of its own; raises OSError for what is none."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _end(descriptor: int, peer: Peer) -> None:
    """End a connection, unless the descriptor is another's by now."""
    with suppress(OSError), _opened(descriptor) as found:
        if found.getpeername()[:2] == peer:
            found.shutdown(socket.SHUT_RDWR)
