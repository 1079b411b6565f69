"""The live stream with clients of others: every event once, also when the connection is cut."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import httpx
import httpx_sse
import orjson
import pytest
import requests
import sseclient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from portal.api.stream import follow as streaming
from portal.api.stream.follow import Follow
from portal.http.tail import Tail
from relay.store.log.encoded import encode, one_line
from relay.store.log.entries import read_entry
from support import npm
from support.cuttable import Cuttable, cuttable
from support.portal_bench import VIEWER, Portal, kind, tails_ended

HEAD = {"Authorization": f"Bearer {VIEWER}"}
PATH = "/v1/events/stream"
SEPARATORS = "\x0b \x0c \x1c \x1d \x1e \x85 \u2028 \u2029 \r \n \r\n"
NASTY = {"name": f"Å 日本 😀 {SEPARATORS} data: id: 5", "more": [SEPARATORS]}
Read = Callable[[str, str, int], tuple[list[dict[str, Any]], str]]


@pytest.fixture
def portal(store, monkeypatch) -> Iterator[Portal]:
    """With silence that is broken often, so that it is between the events that clients read."""
    monkeypatch.setattr(streaming, "RETRY_MS", 50)
    monkeypatch.setitem(Follow.__init__.__kwdefaults__, "heartbeat", 0.05)
    with tails_ended(monkeypatch):
        yield Portal(store=store, relay_streams_per_token=4)


@pytest.fixture
def proxy(portal) -> Iterator[Cuttable]:
    server = make_server("127.0.0.1", 0, portal.app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with cuttable(server.server_port) as found:
        yield found
    server.shutdown()


def logged(portal: Portal) -> list[dict[str, Any]]:
    return portal.get("/v1/events?limit=1000").json["events"]


def by_httpx_sse(url: str, last: str, count: int) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    head = HEAD | {"Last-Event-ID": last}
    with (
        httpx.Client(headers=head, timeout=20) as client,
        httpx_sse.connect_sse(client, "GET", url) as source,
    ):
        for event in source.iter_sse():
            found.append(event.json())
            if len(found) == count:
                return found, event.id
    raise AssertionError("it ended")


def by_sseclient(url: str, last: str, count: int) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    head = HEAD | {"Last-Event-ID": last}
    with closing(requests.get(url, headers=head, stream=True, timeout=20)) as answer:
        for event in sseclient.SSEClient(answer).events():
            found.append(json.loads(event.data))
            if len(found) == count:
                return found, event.id
    raise AssertionError("it ended")


def by_lines(lines: Iterator[str], count: int) -> tuple[list[dict[str, Any]], str]:
    """What the simplest readers do: a line that begins with `data:` is an event."""
    found, last = [], ""
    for line in lines:
        name, _, value = line.partition(": ")
        assert name in ("", "id", "event", "data", "retry")
        last = value if name == "id" else last
        if name == "data":
            found.append(json.loads(value))
        if len(found) == count:
            return found, last
    raise AssertionError("it ended")


def by_requests(url: str, last: str, count: int) -> tuple[list[dict[str, Any]], str]:
    head = HEAD | ({"Last-Event-ID": last} if last else {})
    with closing(requests.get(url, headers=head, stream=True, timeout=20)) as answer:
        return by_lines(answer.iter_lines(decode_unicode=True), count)


def by_httpx(url: str, last: str, count: int) -> tuple[list[dict[str, Any]], str]:
    with httpx.stream("GET", f"{url}&last_event_id={last}", headers=HEAD, timeout=20) as answer:
        return by_lines(answer.iter_lines(), count)


@pytest.mark.parametrize("read", [by_httpx_sse, by_sseclient, by_requests, by_httpx])
def test_a_client_of_python_reads_every_event_once_over_a_cut(portal, proxy, read: Read):
    portal.log(*(("a.b", 1),) * 3, data=NASTY)
    url = f"{proxy.url}{PATH}?after=0"
    first, last = read(url, "", 2)
    proxy.cut()
    portal.log(("c.d", 2), data=NASTY)
    rest, last = read(url, last, 2)
    assert first + rest == logged(portal)
    assert last == f"{rest[-1]['epoch']}:4"


@contextmanager
def running(package: str, url: str, *types: str) -> Iterator[Iterator[str]]:
    command = [*npm.command("stream.mjs", package), package, url, VIEWER, *types]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield (line.rstrip("\n") for line in process.stdout)
        finally:
            process.kill()


@pytest.mark.parametrize("query", ["?after=0", "?lastEventId=&type=*&after=0"])
@pytest.mark.parametrize("package", ["eventsource", "event-source-polyfill"])
def test_a_client_of_javascript_reads_every_event_once_over_cuts(portal, proxy, package, query):
    """It connects again by itself: one with the header, the other with the address."""
    portal.log(*(("a.b", 1),) * 3, data=NASTY)
    found: list[dict[str, str]] = []
    with running(package, f"{proxy.url}{PATH}{query}", "a.b", "c.d") as lines:
        for more in (1, 2, 0):
            while len(found) < portal.store.events.last():
                line = next(lines)
                assert line != "closed"
                found += [] if line == "open" else [json.loads(line)]
            if more:
                proxy.cut()
                portal.log(*(("c.d", 2),) * more, data=NASTY)
    events = logged(portal)
    assert [json.loads(one["data"]) for one in found] == events
    assert [one["id"] for one in found] == [f"{e['epoch']}:{e['id']}" for e in events]
    again = [line for line in proxy.asked if "lastEventId" in line and "=&" not in line]
    assert bool(again) == (package == "event-source-polyfill")


def test_a_browsers_eventsource_reads_every_event_once_over_a_cut(portal, proxy, browser):
    """Its token is put in on the way, as a firm's own proxy would."""
    portal.log(*(("a.b", 1),) * 2, data=NASTY)
    head = b"Authorization: Bearer %s\r\n" % VIEWER.encode()
    with cuttable(int(proxy.url.rpartition(":")[2]), head) as mine:
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(f"{mine.url}/v1/status")
        page.evaluate(
            """url => { window.found = []; const source = new EventSource(url);
            for (const type of ["message", "a.b", "c.d"])
              source.addEventListener(type, one => found.push([one.lastEventId, one.data])) }""",
            f"{mine.url}{PATH}?after=0",
        )
        page.wait_for_function("() => found.length == 2")
        mine.cut()
        portal.log(("c.d", 2), data=NASTY)
        page.wait_for_function("() => found.length == 3")
        found = page.evaluate("found")
        page.context.close()
    assert [json.loads(data) for _, data in found] == logged(portal)


def test_no_block_is_without_data_though_all_is_silent(portal):
    portal.log(*(("a.b", 1),) * 3)
    tail, events = Tail(portal.store.events, 0.05), portal.store.events
    pieces = Follow(tail, events, 0, events.head().epoch, None, heartbeat=0.0).pieces()
    sent = b"".join(islice(pieces, 6))
    *blocks, unfinished = sent.split(b"\n\n")
    assert [block.count(b"\ndata: ") for block in blocks] == [1, 1, 1]
    assert unfinished.count(b"id: ") == unfinished.count(b"\n") == 4


def first_id(portal: Portal, query: str = "", **head: str) -> int | None:
    answer = portal.get(PATH + query, headers=head, buffered=False)
    if answer.status_code != 200:
        assert kind(answer) in ("invalid", "log-reset")
        return None
    [place] = [line for line in next(iter(answer.response)).split(b"\n") if b"id: " in line]
    answer.close()
    return int(place.rpartition(b":")[2])


NAMES = ["lastEventId", "lastEventID", "Last-Event-ID", "last-event-id", "last_event_id",
         "LastEventId", "lasteventid", "evs_last_event_id"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_last_id_is_taken_from_the_address_however_it_is_spelled(portal, name):
    portal.log(*(("a.b", 1),) * 4)
    epoch = portal.store.events.head().epoch
    assert first_id(portal, f"?{name}=2") == 2
    assert first_id(portal, f"?{name}={epoch}%3A2&after=0") == 2
    assert first_id(portal, f"?{name}=") == 4
    assert first_id(portal, f"?{name}=&after=1") == 1
    assert first_id(portal, f"?{name}=2", **{"Last-Event-ID": "3"}) == 3
    assert first_id(portal, f"?{name}=3", **{"Last-Event-ID": "2"}) == 3
    assert first_id(portal, f"?{name}=1", **{"Last-Event-ID": ""}) == 1
    assert first_id(portal, f"?{name}=x") is None
    assert first_id(portal, f"?{name}=other:2") is None
    assert first_id(portal, f"?{name}=9") is None


def test_an_empty_last_id_is_none(portal):
    portal.log(*(("a.b", 1),) * 4)
    assert first_id(portal, **{"Last-Event-ID": ""}) == 4
    assert first_id(portal, "?after=1", **{"Last-Event-ID": ""}) == 1


def test_of_several_headers_with_a_place_the_furthest_counts(portal):
    portal.log(*(("a.b", 1),) * 4)
    for sent, place in (("1,3", 3), ("3, 2", 3), (",2", 2), ("2,", 2)):
        assert first_id(portal, **{"Last-Event-ID": sent}) == place
    for odd in ("1,x", "x,1", "1;2", "1,-2"):
        assert first_id(portal, **{"Last-Event-ID": odd}) is None
    assert first_id(portal, "?lastEvent=1") is None


texts = st.text(st.characters(codec="utf-8") | st.sampled_from(SEPARATORS))


@given(texts, texts, st.dictionaries(texts, texts))
def test_whatever_an_event_holds_it_is_one_line_and_the_same(subject, cause, data):
    fields = {
        b"type": b"a.b", b"source": b"/codat/default", b"subject": subject.encode(),
        b"time": b"1", b"cause": cause.encode(), b"data": orjson.dumps(data),
    }  # fmt: skip
    text = encode(read_entry(7, fields), "e1").json
    assert len(text.decode().splitlines()) == 1
    read = orjson.loads(text)
    assert (read.get("subject", ""), read["cause"], read["data"]) == (subject, cause, data)
    assert one_line(text) == text
