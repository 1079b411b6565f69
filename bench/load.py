"""The load generator, a process of its own: `python -m bench.load <port> <seconds> <messages>`.

Raw sockets and requests made beforehand, so that it takes little of the machine from the server it
measures. Each connection sends its next request when the last one is answered.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from bench.events import requests

CONNECTIONS = 16
WARM_UP = 0.5  # seconds before what counts
START_TIMEOUT = 15.0  # seconds in which the server may still refuse
TIMEOUT = 20.0  # seconds without any answer
END_OF_ANSWER = b"\r\n\r\n"  # a 204 has no body
GOOD = b"HTTP/1.1 204"


class Refused(Exception):
    """The server answered something other than 204, or not at all."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One load: `acknowledged` counts all answers, the rest what came after the warm-up."""

    acknowledged: int
    per_second: float
    p50_ms: float
    p99_ms: float
    generator_share: float  # of one core


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._answer = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what arrived and return whether the answer is whole; raises Refused."""
        came = self.socket.recv(65536)
        data = self._answer + came
        if not came or not data.startswith(GOOD):
            raise Refused(f"the server answered {data[:200]!r}")
        is_whole = data.endswith(END_OF_ANSWER)
        self._answer = b"" if is_whole else data
        return is_whole


def knock(port: int, request: bytes) -> None:
    """Repeat one request until it is accepted, as a server may need a moment; raises Refused."""
    deadline = time.perf_counter() + START_TIMEOUT
    while True:
        connection = Connection(port)
        with connection.socket:
            connection.send(request)
            try:
                while not connection.is_answered():
                    pass
            except Refused:
                if time.perf_counter() > deadline:
                    raise
            else:
                return
        time.sleep(0.1)


def run(port: int, seconds: float, prepared: Iterator[bytes]) -> Measured:
    """Send for `seconds` after a warm-up, or until none is left; wait for open requests."""
    knock(port, next(prepared))
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    by_descriptor = {one.socket.fileno(): one for one in connections}
    poller = select.poll()
    answered: list[tuple[float, float]] = []  # when, and how long it took
    started, cpu = time.perf_counter(), time.process_time()
    until = started + WARM_UP + seconds
    busy = 0
    for connection in connections:
        poller.register(connection.socket, select.POLLIN)
        connection.send(next(prepared))
        busy += 1
    while busy:
        ready = poller.poll(TIMEOUT * 1000)
        if not ready:
            raise Refused(f"no answer within {TIMEOUT:.0f} s")
        for descriptor, _ in ready:
            connection = by_descriptor[descriptor]
            if not connection.is_answered():
                continue
            now = time.perf_counter()
            answered.append((now, now - connection.sent_at))
            request = next(prepared, None) if now < until else None
            if request is None:
                until = min(until, now)
                busy -= 1
            else:
                connection.send(request)
    share = (time.process_time() - cpu) / (time.perf_counter() - started)
    for connection in connections:
        connection.socket.close()
    return _measured(answered, started + WARM_UP, until, share)


def _measured(
    answered: list[tuple[float, float]], since: float, until: float, share: float
) -> Measured:
    took = sorted(seconds for at, seconds in answered if since <= at <= until)
    if not took:
        raise Refused("nothing was answered after the warm-up")
    return Measured(
        acknowledged=len(answered) + 1,  # the knock
        per_second=len(took) / (until - since),
        p50_ms=took[len(took) // 2] * 1000,
        p99_ms=took[len(took) * 99 // 100] * 1000,
        generator_share=share,
    )


def main() -> None:
    port, seconds, messages = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    prepared = list(requests(range(messages), port))
    try:
        print(json.dumps(asdict(run(port, seconds, iter(prepared)))))
    except (Refused, OSError) as error:
        sys.exit(f"load: {error}")


if __name__ == "__main__":
    main()
