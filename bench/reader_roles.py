"""The readers of `bench.readers`: `python -m bench.reader_roles cursor|stream|sink ...`.

Each is a process of many readers, stopped and resumed at random; each reader checks that it sees
the numbers one after another. What they saw is printed as one line of JSON.
"""

import json
import random
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import requests

STOPS = 0.03  # of the pages or pieces after which a reader stops
PAUSE = 0.2  # seconds for which it does, at most


@dataclass
class Seen:
    """What one reader saw. `last` is its cursor; an event that comes again is passed over."""

    last: int
    target: int
    place: str = ""  # the last id of a stream
    check: int = 0
    stops: int = 0
    again: int = 0
    refused: int = 0
    early: int = 0  # polls that were answered at once, as too many waited already
    wrong: str = ""
    delays: list[float] = field(default_factory=list)
    timed: bool = False

    def take(self, number: int, kind: str, at: str) -> None:
        if self.done:
            return
        if number <= self.last:
            self.again += 1
            return
        if number != self.last + 1 and not self.wrong:
            self.wrong = f"{number} after {self.last}"
        self.last = number
        self.check = zlib.crc32(f"{number} {kind}\n".encode(), self.check)
        if self.timed:
            self.delays.append(time.time() - datetime.fromisoformat(at).timestamp())

    @property
    def done(self) -> bool:
        return self.last >= self.target

    def refuse(self) -> None:
        """Wait as a 503 asks; a stream's place is free again when its end is noticed."""
        self.refused += 1
        time.sleep(1.0)

    def rest(self) -> None:
        self.stops += 1
        time.sleep(random.random() * PAUSE)


def cursor(url: str, token: str, seen: Seen) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    session = requests.Session()
    while not seen.done:
        answer = session.get(
            f"{url}/v1/events?after={seen.last}&limit=1000&wait=20", headers=headers, timeout=60
        )
        if answer.status_code == 503:
            seen.refuse()
            continue
        answer.raise_for_status()
        events = orjson.loads(answer.content)["events"]
        for event in events:
            seen.take(int(event["id"]), event["type"], event["time"])
        if "Retry-After" in answer.headers:
            seen.early += 1
            time.sleep(int(answer.headers["Retry-After"]))
        if events and random.random() < STOPS:
            session.close()
            session = requests.Session()
            seen.rest()


def stream(url: str, token: str, seen: Seen) -> None:
    while not seen.done:
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": seen.place}
        with requests.get(
            f"{url}/v1/events/stream", headers=headers, stream=True, timeout=60
        ) as answer:
            if answer.status_code == 503:
                seen.refuse()
                continue
            answer.raise_for_status()
            rest = b""
            for piece in answer.iter_content(None):
                *blocks, rest = (rest + piece).split(b"\n\n")
                for block in blocks:
                    lines = dict(
                        line.split(b": ", 1) for line in block.split(b"\n") if b": " in line
                    )
                    if b"id" in lines:
                        seen.place = lines[b"id"].decode()
                    if b"data" in lines:
                        at = orjson.loads(lines[b"data"])["time"] if seen.timed else ""
                        seen.take(int(seen.place.partition(":")[2]), lines[b"event"].decode(), at)
                if seen.done:
                    return
                if random.random() < STOPS / 3:
                    break
        seen.rest()


def sink(port: int, seen: dict[str, Seen]) -> ThreadingHTTPServer:
    """Take what is posted to /<name>; now and then answer 503 or close half-way."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one = seen[self.path.strip("/")]
            luck = random.random()
            if luck < STOPS / 6:
                one.stops += 1
                if luck < STOPS / 12:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self._answer(503)
                return
            events = orjson.loads(body)
            for event in events if isinstance(events, list) else [events]:
                one.take(int(event["id"]), event["type"], event["time"])
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    return Server(("127.0.0.1", port), Handler)


def main() -> None:
    role, where, token, count, after, target, timed = sys.argv[1:]
    seen = {
        f"r{n}": Seen(int(after), int(target), after, timed=timed == "1") for n in range(int(count))
    }
    begun = time.monotonic()
    if role == "sink":
        server = sink(int(where), seen)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while not all(one.done for one in seen.values()):
            time.sleep(0.05)
    else:
        read: Callable[[str, str, Seen], None] = cursor if role == "cursor" else stream
        threads = [threading.Thread(target=read, args=(where, token, one)) for one in seen.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    delays = sorted(delay for one in seen.values() for delay in one.delays)
    print(
        json.dumps(
            {
                "readers": len(seen),
                "seconds": round(time.monotonic() - begun, 2),
                "sequences": len({one.check for one in seen.values()}),
                "check": next(iter(seen.values())).check,
                "wrong": [one.wrong for one in seen.values() if one.wrong],
                "stops": sum(one.stops for one in seen.values()),
                "refused": sum(one.refused for one in seen.values()),
                "early": sum(one.early for one in seen.values()),
                "again": sum(one.again for one in seen.values()),
                "p50_ms": _part(delays, 0.5),
                "p99_ms": _part(delays, 0.99),
            }
        )
    )


def _part(delays: list[float], part: float) -> float | None:
    return round(delays[int(len(delays) * part)] * 1000, 1) if delays else None


if __name__ == "__main__":
    main()
