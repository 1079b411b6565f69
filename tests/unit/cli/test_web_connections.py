"""Of too many connections those go that have asked nothing for longest, and no others."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cli.web import connections
from cli.web.connections import (
    MAX_CONNECTIONS,
    MIN_CONNECTIONS,
    OTHER_FILES,
    Connections,
    raise_limit,
)

pytestmark = pytest.mark.skipif(not connections.OPEN_FILES.is_dir(), reason="needs Linux's /proc")


class Open:
    """Connections to a port of this process's own, the oldest first."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held
        self._listener = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = self._listener.getsockname()[1]
        self.clients: list[socket.socket] = []

    def add(self, count: int) -> None:
        for _ in range(count):
            client = self._held.enter_context(
                socket.create_connection(("127.0.0.1", self.port), timeout=10)
            )
            self._held.enter_context(self._listener.accept()[0])
            self.clients.append(client)

    def peers(self, *numbers: int) -> set[tuple[str, int]]:
        return {self.clients[number].getsockname() for number in numbers}

    def ended(self) -> list[int]:
        """Which were ended, by their number."""
        found = []
        for number, client in enumerate(self.clients):
            client.setblocking(False)
            try:
                if client.recv(1) == b"":
                    found.append(number)
            except BlockingIOError:
                pass
        return found


@pytest.fixture
def opened() -> Iterator[Open]:
    with ExitStack() as held:
        yield Open(held)


def test_the_oldest_that_ask_nothing_are_ended_down_to_half(opened: Open) -> None:
    busy: set[tuple[str, int]] = set()
    watched = Connections(opened.port, 8, busy.__contains__)
    opened.add(5)
    assert watched.tidy(1.0) == 0  # under three quarters
    busy |= opened.peers(0, 2)
    opened.add(5)
    assert watched.tidy(2.0) == 6
    ended = opened.ended()
    assert (ended[:3], len(ended)) == ([1, 3, 4], 6)


def test_one_that_asked_meanwhile_counts_from_then_on(opened: Open) -> None:
    busy: set[tuple[str, int]] = set()
    watched = Connections(opened.port, 8, busy.__contains__)
    opened.add(5)
    watched.tidy(1.0)
    busy |= opened.peers(0)
    watched.tidy(2.0)
    busy.clear()
    opened.add(1)
    assert watched.tidy(3.0) == 2
    assert opened.ended() == [1, 2]


def test_those_that_all_ask_something_are_left_alone(opened: Open) -> None:
    opened.add(10)
    assert Connections(opened.port, 8, lambda peer: True).tidy(1.0) == 0
    assert opened.ended() == []


def test_connections_of_other_ports_are_left_alone(opened: Open) -> None:
    opened.add(10)
    assert Connections(opened.port + 1, 8, lambda peer: False).tidy(1.0) == 0
    assert opened.ended() == []


def test_at_the_end_only_spared_connections_stay(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Over(Exception): ...

    opened.add(4)
    spared = opened.peers(0, 1)

    def sleep(_: float) -> None:
        rounds.append(opened.ended())
        spared.difference_update(opened.peers(1) if len(rounds) == 1 else ())
        if len(rounds) == 3:
            raise Over

    rounds: list[list[int]] = []
    monkeypatch.setattr(connections.time, "sleep", sleep)
    with pytest.raises(Over):
        Connections(opened.port, 8, lambda peer: False).close(spared.__contains__)
    assert rounds == [[], [2, 3], [1, 2, 3]]


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "then"),
    [
        (1024, 1_000_000, MAX_CONNECTIONS, MAX_CONNECTIONS + OTHER_FILES + 200),
        (1024, 1024, 1024 - OTHER_FILES - 200, 1024),
        (300, 300, MIN_CONNECTIONS, 300),
        (50_000, 50_000, MAX_CONNECTIONS, 50_000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MAX_CONNECTIONS, resource.RLIM_INFINITY),
    ],
)
def test_connections_are_limited_by_the_files_a_process_may_open(
    soft: int, hard: int, allowed: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    assert raise_limit(100) == allowed
    assert limits[-1] == (then, hard)
