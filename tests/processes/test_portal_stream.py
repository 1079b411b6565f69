"""The live stream: whole and in order, resumed where it broke off, capped, fair to slow readers."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from portal.api.events.routes import wanted
from portal.api.stream import follow as streaming
from portal.api.stream.follow import Follow
from portal.http.tail import Tail
from relay.store import keys
from support.parts import SECRET, company_id
from support.paths import ROOT
from support.portal_bench import OPERATOR, VIEWER, Portal, kind, problem, tails_ended, trim


@pytest.fixture
def portal(store, monkeypatch) -> Iterator[Portal]:
    with tails_ended(monkeypatch):
        yield Portal(store=store, relay_streams=2, relay_streams_per_token=1)


def opened(portal, query="", token=OPERATOR, **headers):
    return portal.get(f"/v1/events/stream{query}", token=token, headers=headers, buffered=False)


def events(response, count: int) -> list[dict]:
    """The next `count` events; pieces without one are passed over."""
    found: list[dict] = []
    for piece in response.response:
        for block in piece.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "id" in fields:
                fields["id"] = fields["id"].partition(":")[2]
            if "data" in fields:
                found.append(fields | {"data": json.loads(fields["data"])})
        if len(found) >= count:
            break
    return found


def follow(portal, tail, fits=None, heartbeat=5.0) -> Iterator[bytes]:
    events = portal.store.events
    return Follow(tail, events, 0, events.head().epoch, fits, heartbeat=heartbeat).pieces()


def place(portal, number: int) -> bytes:
    return b"id: %s:%d\n" % (portal.store.events.head().epoch.encode(), number)


def test_a_stream_gives_what_was_and_then_what_comes(portal):
    portal.log(*(("a.b", n) for n in range(3)))
    response = opened(portal, "?after=1")
    assert response.mimetype == "text/event-stream"
    first = events(response, 2)
    assert [e["id"] for e in first] == ["2", "3"]
    assert first[0]["event"] == "a.b"
    assert first[0]["data"] == portal.get("/v1/events?after=1").json["events"][0]
    portal.log(("c.d", 1))
    assert [e["id"] for e in events(response, 1)] == ["4"]
    response.close()


def test_a_polyfill_may_send_several_ids_and_what_it_adds_for_itself(portal):
    portal.log(*(("a.b", n) for n in range(9)))
    for query in (
        "lastEventId=3&lastEventId=7",
        "lastEventId=7&lastEventId=3",
        "last_event_id=7&lastEventId=3&lastEventId=",
        "evs_last_event_id=7&evs_preamble=2048&evs_buffer_size_limit=262144",
        "after=7&_=1796069676912",
        "after=7&r=0.7316",
    ):
        response = opened(portal, f"?{query}")
        assert [e["id"] for e in events(response, 2)] == ["8", "9"], query
        response.close()
    assert kind(opened(portal, "?after=7&evs=1")) == "invalid"


def test_without_a_cursor_it_begins_now(portal):
    portal.log(("a.b", 1))
    response = opened(portal)
    assert next(iter(response.response)) == b"retry: 3000\n" + place(portal, 1)
    portal.log(("c.d", 1))
    assert [e["id"] for e in events(response, 1)] == ["2"]
    response.close()


def test_it_goes_on_after_the_last_event_that_came(portal):
    portal.log(*(("a.b", n) for n in range(3)))
    response = opened(portal, "?after=0", **{"Last-Event-ID": "2"})
    assert [e["id"] for e in events(response, 1)] == ["3"]
    response.close()


def test_filters_choose_and_silence_passes_what_they_leave_out(portal):
    tail = Tail(portal.store.events, 0.05)
    portal.log(("a.b", 1), ("c.d", 1), ("a.b", 2))
    pieces = follow(portal, tail, wanted(company_id(1), ["a.*"]), 0.05)
    given = [next(pieces) for _ in range(3)]
    assert given[1].startswith(place(portal, 1) + b"event: a.b\n")
    assert given[2] == place(portal, 3)


def test_a_stream_sends_heartbeats_while_its_filter_drops_all_events(portal, monkeypatch):
    monkeypatch.setattr(streaming, "BATCH_SIZE", 200)
    tail = Tail(portal.store.events, 0.05)
    portal.log(*(("a.b", 1),) * 300)
    pieces = follow(portal, tail, wanted(None, ["c.*"]), 0.0)
    next(pieces)
    assert [next(pieces) for _ in range(2)] == [place(portal, n) for n in (200, 300)]


def test_a_cursor_that_does_not_fit_the_log_is_refused(portal):
    portal.log(*(("a.b", 1),) * 4)
    assert kind(opened(portal, "?after=9")) == "log-reset"
    assert kind(opened(portal, **{"Last-Event-ID": "9"})) == "log-reset"
    assert kind(opened(portal, "?epoch=other")) == "log-reset"
    assert kind(opened(portal, **{"Last-Event-ID": "x"})) == "invalid"
    trim(portal.store, 3)
    assert kind(opened(portal, "?after=1")) == "cursor-gone"


def test_streams_are_limited_per_token_and_in_total_until_one_closes(portal):
    first = opened(portal)
    again = opened(portal)
    assert (again.status_code, kind(again), again.headers["Retry-After"]) == (503, "busy", "10")
    assert "this token has 1" in problem(again)["detail"]
    second = opened(portal, token=VIEWER)
    assert second.status_code == 200
    assert "2 streams are open" in problem(opened(portal))["detail"]
    first.close()
    opened(portal).close()
    second.close()
    assert portal.app.extensions["codat-relay"].streams.count() == 0


def test_a_reader_that_falls_too_far_behind_is_let_go_with_the_reason(portal, monkeypatch):
    monkeypatch.setattr(streaming, "MAX_LAG", 5)
    monkeypatch.setattr(streaming, "BATCH_SIZE", 2)
    tail = Tail(portal.store.events, 0.05)
    portal.log(("a.b", 1))
    pieces = follow(portal, tail)
    assert next(pieces).startswith(b"retry")
    assert next(pieces).startswith(place(portal, 1))
    portal.log(("a.b", 1))
    assert next(pieces).startswith(place(portal, 2))  # up to date
    portal.log(*(("a.b", 1),) * 20)
    assert tail.wait(21, 5.0).last == 22
    ended = list(pieces)
    assert ended[-1].startswith(b'event: relay.dropped\ndata: {"reason":"it fell 20 events behind"')
    assert b'"cursor":"2"' in ended[-1]


def test_a_stream_and_a_poll_end_when_the_process_stops(portal):
    portal.log(("a.b", 1))
    response = opened(portal, "?after=0")
    assert events(response, 1)
    portal.app.extensions["codat-relay"].tail.end()
    assert list(response.response) == []
    response.close()
    assert portal.get("/v1/events?after=1&wait=25").json["events"] == []


def test_a_reader_that_begins_far_back_catches_up(portal, monkeypatch):
    monkeypatch.setattr(streaming, "MAX_LAG", 5)
    portal.log(*(("a.b", 1),) * 20)
    response = opened(portal, "?after=0")
    assert [e["id"] for e in events(response, 20)] == [str(n) for n in range(1, 21)]
    response.close()


def test_a_stream_ends_with_the_reason_when_the_log_is_reset(portal):
    portal.log(*(("a.b", 1),) * 3)
    tail = Tail(portal.store.events, 0.05)
    pieces = follow(portal, tail, heartbeat=0.05)
    three = place(portal, 3)
    assert three in b"".join(next(pieces) for _ in range(2))
    portal.store.client.hset(keys.META, "log_seq", 2)  # as after a fail-over
    ended = [piece for piece in pieces if piece != three]
    assert ended == [b'event: relay.dropped\ndata: {"reason":"the log was reset","cursor":"3"}\n\n']


def test_a_stream_whose_next_events_were_trimmed_ends_with_the_reason(portal, monkeypatch):
    """The watcher has not looked since: nothing new came into the log."""
    monkeypatch.setattr(streaming, "BATCH_SIZE", 100)
    portal.log(*(("a.b", 1),) * 900)
    tail = Tail(portal.store.events, 0.05)
    pieces = follow(portal, tail)
    while place(portal, 500) not in next(pieces):
        pass
    head = tail.wait(0, 5.0)
    monkeypatch.setattr(tail, "wait", lambda *asked: head)
    trim(portal.store, 850)
    ended = list(pieces)
    assert [b"id: " in piece for piece in ended] == [False]
    assert b"events up to 850 are no longer kept" in ended[0]


@pytest.fixture
def web(server, store, tmp_path) -> Iterator[str]:
    """A web process as it is run, that lets one stream be open and is soon out of patience."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "sitecustomize.py").write_text(
        "from portal.http import stalled\nstalled.SECONDS = 3.0\n"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "REDIS_URL": server.url,
        "PORT": str(port),
        "CODAT_WEBHOOK_SECRETS": SECRET,
        "RELAY_TOKENS": f"olga:operate:{OPERATOR}",
        "RELAY_STREAMS": "1",
        "RELAY_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "web"], env=environ, cwd=ROOT, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def connect(web: str) -> requests.Response | None:
    """Open a stream from now on; None when it is refused, or the process is still starting."""
    with suppress(requests.ConnectionError):
        answer = requests.get(
            f"{web}/v1/events/stream",
            headers={"Authorization": f"Bearer {OPERATOR}"},
            stream=True,
            timeout=20,
        )
        if answer.ok:
            assert next(answer.iter_content(16))
            return answer
    return None


def connected(web: str, seconds: float) -> requests.Response:
    deadline = time.monotonic() + seconds
    while (found := connect(web)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_gone_readers_place_is_free_before_the_next_heartbeat(web):
    """The deadline is shorter than a heartbeat, by which alone it would be noticed too late."""
    first = connected(web, 30)
    assert connect(web) is None
    first.close()
    connected(web, streaming.HEARTBEAT - 3).close()


def test_a_reader_that_takes_nothing_gives_its_place_to_another(web, store):
    """Its connection stays open, so that the server sends without end, if it is let."""
    ready = False
    while not ready:
        with suppress(requests.ConnectionError):
            ready = requests.get(f"{web}/readyz", timeout=20).ok
    ask = f"Host: x\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(web.rpartition(":")[2]))) as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.sendall(f"GET /v1/events/stream?after=0 HTTP/1.1\r\n{ask}".encode())
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        assert connect(web) is None
        portal = Portal(store=store)
        for _ in range(10):
            portal.log(*(("a.b", 1),) * 500, data={"more": "x" * 2000})
        connected(web, 60).close()
