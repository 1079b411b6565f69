"""The event log through the API: in order, filtered, waited for, and honest about old cursors."""

import gzip
import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.api.events import routes
from portal.api.events.routes import wanted
from portal.http.tail import Tail
from relay.store import keys
from relay.store.log.encoded import EncodedEvent
from relay.store.log.reader import CursorTooOld, Events
from scheduler import maintenance
from support.parts import company_id
from support.portal_bench import Portal, kind, make_company, problem, trim


@pytest.fixture
def portal() -> Portal:
    return Portal()


def ids(answer):
    return [event["id"] for event in answer.json["events"]]


def follow(answer) -> str:
    url, _, rel = answer.headers["Link"].partition(">; ")
    assert rel == 'rel="next"'
    return url.removeprefix("<")


def test_events_come_as_cloud_events_in_order(portal):
    portal.log(("company.created", 1), ("company.renamed", 1), data={"current": "Acme"})
    answer = portal.get("/v1/events")
    assert ids(answer) == ["1", "2"]
    assert answer.json["cursor"] == "2"
    assert answer.json["events"][1] == {
        "specversion": "1.0",
        "id": "2",
        "source": f"/codat/default/companies/{company_id(1)}",
        "type": "company.renamed",
        "subject": company_id(1),
        "time": "2026-01-05T08:00:00.000000Z",
        "datacontenttype": "application/json",
        "sequence": "2",
        "epoch": answer.json["epoch"],
        "cause": "msg_1",
        "data": {"current": "Acme"},
    }


def test_following_the_links_gives_every_event_once(portal):
    portal.log(*(("sync.requested", n) for n in range(7)))
    seen, path = [], "/v1/events?limit=3"
    for _ in range(4):
        answer = portal.get(path)
        seen += ids(answer)
        path = follow(answer)
    assert seen == [str(n) for n in range(1, 8)]


def test_filters_are_kept_in_the_link(portal):
    path = follow(
        portal.get(
            f"/v1/events?type=sync.failed&type=company.*&company={company_id(1)}&limit=7&wait=0.1"
        )
    )
    query = parse_qs(urlsplit(path).query)
    assert query.pop("epoch") == [portal.get("/v1/events").json["epoch"]]
    assert query == {
        "after": ["0"],
        "limit": ["7"],
        "company": [company_id(1)],
        "type": ["sync.failed", "company.*"],
        "wait": ["0.1"],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=sync.failed", ["3"]),
        ("type=sync.*", ["2", "3"]),
        ("type=*", ["1", "2", "3"]),
        ("type=sync.failed&type=company.*", ["1", "3"]),
        (f"company={company_id(1)}", ["1", "2"]),
        (f"company={company_id(1).upper()}", ["1", "2"]),
        (f"company={company_id(1)}&type=sync.*", ["2"]),
        ("company=unknown", []),
    ],
)
def test_filters_choose_by_company_and_type(portal, query, expected):
    portal.log(("company.created", 1), ("sync.completed", 1), ("sync.failed", 2))
    answer = portal.get(f"/v1/events?{query}")
    assert ids(answer) == expected
    assert answer.json["cursor"] == "3"  # also past what the filter left out


def test_a_type_that_is_never_logged_is_refused_with_the_nearest(portal):
    for query in ("type=sync.faild", "type=sync.faild*", "type=sync"):
        for path in ("/v1/events", "/v1/events/stream"):
            [error] = portal.get(f"{path}?{query}").json["errors"]
            assert (
                "fits no type of /v1/event-types; the nearest that is known is "
                in (error["message"])
            )


def test_a_full_page_leaves_the_cursor_at_its_last_event(portal):
    portal.log(("sync.failed", 1), ("x.y", 1), ("sync.failed", 1), ("sync.failed", 1))
    answer = portal.get("/v1/events?type=sync.failed&limit=2")
    assert (ids(answer), answer.json["cursor"]) == (["1", "3"], "3")


def test_one_request_scans_a_limited_number_and_the_next_goes_on(portal, monkeypatch):
    monkeypatch.setattr(routes, "SCAN_LIMIT", 4)
    portal.log(*(("x.y", 1),) * 6, ("sync.failed", 1))
    first = portal.get("/v1/events?type=sync.failed")
    assert (ids(first), first.json["cursor"]) == ([], "4")
    assert ids(portal.get(follow(first))) == ["7"]


@pytest.mark.parametrize(
    "query",
    [
        "after=-1", "after=x", f"after={2**60}", "limit=0", "limit=1001", "wait=26", "wait=nan",
        "wait=inf", "type=a%20b", "type=*a", "type=", "&".join(["type=a"] * 21),
        "company=" + "a" * 65,
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(portal, query):
    assert kind(portal.get(f"/v1/events?{query}")) == "invalid"


def test_a_cursor_older_than_the_log_is_gone_and_the_oldest_works(portal):
    portal.log(*(("sync.failed", 1),) * 5)
    trim(portal.store, 3)
    for query in ("after=1", "after=1&type=sync.failed"):
        answer = portal.get(f"/v1/events?{query}")
        assert (answer.status_code, kind(answer)) == (410, "cursor-gone")
    oldest = problem(answer)["oldest"]
    assert ids(portal.get(f"/v1/events?after={oldest}")) == ["4", "5"]


@pytest.mark.parametrize("read_before", [0, 100])
def test_a_reader_learns_of_events_trimmed_while_it_reads(store, read_before):
    """Trimmed on a real server between the question how the log stands and the reading of it."""
    portal, log = Portal(store=store), store.events
    portal.log(*(("sync.failed", 1),) * 100)
    if read_before:  # these are in memory, those after them not yet
        assert log.read(0, read_before).cursor == read_before
    portal.log(*(("sync.failed", 1),) * 500)
    ask, trimmed = log.head, []

    def ask_then_trim():
        found = ask()
        if not trimmed:
            trimmed.append(trim(store, 300))
        return found

    log.head = ask_then_trim
    answer = portal.get(f"/v1/events?after={read_before}&limit=1000")
    assert (answer.status_code, kind(answer)) == (410, "cursor-gone")
    assert ids(portal.get(f"/v1/events?after={problem(answer)['oldest']}"))[0] == "301"


def test_a_log_that_is_trimmed_while_it_is_read_whole_says_so(store):
    Portal(store=store).log(*(("sync.failed", 1),) * 600)
    log, read = store.events, store.events._between
    log._between = lambda *asked: (trim(store, 300), read(*asked))[1]
    with pytest.raises(CursorTooOld):
        log.read(0, 1000)
    assert log.read(300, 1000).events[0].sequence == 301


def test_a_cursor_ahead_of_the_log_learns_that_the_log_was_reset(portal):
    portal.log(("sync.failed", 1))
    answer = portal.get("/v1/events?after=1").json
    assert (answer["events"], answer["cursor"]) == ([], "1")
    answer = portal.get("/v1/events?after=2")
    assert (answer.status_code, kind(answer)) == (409, "log-reset")
    assert (problem(answer)["oldest"], problem(answer)["newest"]) == ("0", "1")


def test_a_log_that_shrank_has_a_new_epoch_and_its_readers_learn_it(portal):
    """As after a fail-over to a replica that lacked the last writes."""
    portal.log(*(("sync.failed", 1),) * 5)
    first = portal.get("/v1/events?limit=3")
    client = portal.store.client
    kept = client.xrange(keys.LOG, count=3)
    client.delete(keys.LOG)
    for entry, fields in kept:
        client.xadd(keys.LOG, fields, entry)
    client.hset(keys.META, "log_seq", 3)
    assert kind(portal.get("/v1/events?after=5")) == "log-reset"
    portal.log(("c.d", 1), ("c.d", 1))  # the numbers are used again
    answer = portal.get(follow(first))
    assert kind(answer) == "log-reset"
    epoch = problem(answer)["epoch"]
    assert epoch not in ("", first.json["epoch"])
    answer = portal.get(f"/v1/events?after=3&epoch={epoch}")
    assert [event["type"] for event in answer.json["events"]] == ["log.reset", "c.d", "c.d"]
    assert {event["epoch"] for event in answer.json["events"]} == {epoch}


def test_events_that_come_while_another_asks_are_no_reset(portal):
    """A reader is told how the log stands, but hears of it after one that asked later."""
    portal.log(("sync.failed", 1))
    epoch, log = portal.get("/v1/events").json["epoch"], portal.store.events
    client = log._epochs._client

    class Slow:
        def hmget(self, *asked):
            answer = client.hmget(*asked)
            log._epochs._client = client
            portal.log(("sync.failed", 1))
            assert log.head().last == 2
            return answer

    log._epochs._client = Slow()
    assert (log.head().last, log.head().last) == (1, 2)
    assert log.head().epoch == epoch


def test_reading_since_a_moment_begins_at_most_a_minute_early(portal):
    portal.log(*(("sync.failed", 1),) * 3)
    portal.store.client.hset(keys.META, "marked", 0)
    portal.log(("c.d", 1))
    marks = portal.store.client.zrange(keys.TIME_INDEX, 0, -1, withscores=True)
    assert [member for member, _ in marks] == [b"1", b"4"]
    portal.store.client.zadd(keys.TIME_INDEX, {"1": 1_000_000, "4": 2_000_000})
    for moment, expected in [
        ("1970-01-01T00:17:00Z", "1"),  # within the minute after the first mark
        ("1970-01-01T00:20:00Z", "4"),  # when nothing was logged
        ("1970-01-01T00:34:00Z", "4"),
    ]:
        assert ids(portal.get(f"/v1/events?since={moment}"))[0] == expected
    for later in ("1970-01-01T00:40:00Z", "2999-01-01T00:00:00Z"):
        answer = portal.get(f"/v1/events?since={later}").json
        assert (answer["events"], answer["cursor"]) == ([], "4")
    assert kind(portal.get("/v1/events?since=yesterday")) == "invalid"
    trim(portal.store, 2)  # the first mark goes, though an event of its minute stays
    assert ids(portal.get("/v1/events?since=1970-01-01T00:17:00Z"))[0] == "3"


def test_long_answers_are_compressed_for_those_who_take_it(portal):
    portal.log(*(("sync.failed", 1),) * 50)
    whole = portal.get("/v1/events")
    packed = portal.get("/v1/events", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.data)) == whole.json
    assert len(packed.data) * 5 < len(whole.data)
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert (
        "Content-Encoding"
        not in portal.get("/v1/status", headers={"Accept-Encoding": "gzip"}).headers
    )


def timeline(portal, query="", number=1):
    answer = portal.get(f"/v1/companies/{company_id(number)}/timeline{query}")
    return ids(answer), answer.json["older"], answer.json["newer"]


def test_a_timeline_is_the_companys_own_events_paged_both_ways(portal):
    portal.log(*(("sync.failed", n % 2) for n in range(10)))  # company 1 has the even numbers
    assert timeline(portal, "?limit=2") == (["10", "8"], "8", "10")
    assert timeline(portal, "?limit=2&before=8") == (["6", "4"], "4", "6")
    assert timeline(portal, "?limit=2&before=4") == (["2"], None, "2")
    assert timeline(portal, "?limit=2&after=2") == (["6", "4"], "4", "6")
    assert timeline(portal, "?after=10") == ([], None, "10")
    assert timeline(portal) == (["10", "8", "6", "4", "2"], None, "10")
    assert kind(portal.get(f"/v1/companies/{company_id(9)}/timeline")) == "unknown-company"
    assert kind(portal.get(f"/v1/companies/{company_id(1)}/timeline?after=1&before=1")) == "invalid"


def test_a_timeline_begins_where_the_log_does(portal):
    portal.log(*(("sync.failed", n % 2) for n in range(10)))
    trim(portal.store, 7)
    assert timeline(portal, "?after=0&limit=2") == (["10", "8"], "8", "10")
    assert timeline(portal, "?before=9") == (["8"], None, "8")
    portal.hold(make_company(2))
    assert timeline(portal, number=2) == ([], None, "0")  # known, though nothing is kept of it


def test_timelines_of_companies_that_are_silent_lose_what_was_trimmed(store):
    portal = Portal(store=store)
    portal.log(*(("sync.failed", n % 20) for n in range(100)), *(("sync.failed", 1),) * 5)
    trim(store, 100)
    key = keys.TIMELINE + company_id(2)
    assert store.client.zcard(key) == 5
    maintenance.trim_log(store, portal.settings, portal.hints)
    assert not store.client.exists(key)
    assert len(store.events.timeline(company_id(1))) == 5


@pytest.mark.parametrize("waiting", [True, False])
def test_a_long_poll_answers_with_the_event_that_comes_meanwhile(store, monkeypatch, waiting):
    """On a real server. The event is written once the poll waits; an unwanted one before it."""
    portal = Portal(store=store, waiting=waiting)
    waits = threading.Event()
    wait = Events.wait

    def wait_and_tell(self: Events, after: int, seconds: float) -> bool:
        waits.set()
        return wait(self, after, seconds)

    monkeypatch.setattr(Events, "wait", wait_and_tell)

    def write() -> None:
        assert waits.wait(20)
        portal.log(("x.y", 1))
        portal.log(("sync.failed", 1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = portal.get("/v1/events?wait=20&type=sync.failed")
    finally:
        writer.join()
    assert (ids(answer), answer.json["cursor"]) == (["2"], "2")


def test_a_long_poll_ends_empty_when_nothing_comes(portal):
    answer = portal.get("/v1/events?wait=0.05").json
    assert (answer["events"], answer["cursor"]) == ([], "0")


def test_a_poll_that_finds_events_does_not_wait(portal, monkeypatch):
    portal.log(("sync.failed", 1))
    monkeypatch.setattr(Events, "wait", lambda *_: pytest.fail("it waited"))
    assert ids(portal.get("/v1/events?wait=25")) == ["1"]


def test_half_the_threads_may_wait_and_the_next_gets_a_retry_time(monkeypatch):
    portal = Portal(web_threads=4)
    relay = portal.app.extensions["codat-relay"]
    assert relay.long_poll_limit.acquire(blocking=False)
    answer = portal.get("/v1/events?wait=0.05")
    assert "Retry-After" not in answer.headers  # and it gives its slot back, too
    assert relay.long_poll_limit.acquire(blocking=False)
    monkeypatch.setattr(Tail, "wait", lambda *_: pytest.fail("it waited"))
    answer = portal.get("/v1/events?wait=25")
    assert (answer.json["events"], answer.headers["Retry-After"]) == ([], "2")


def test_however_many_wait_one_asks_the_store(store, monkeypatch):
    """On a real server: each is woken by the one event that comes, and the watcher asked once."""
    portal, waiting, asked = Portal(store=store, web_threads=16), threading.Event(), []
    tail = portal.app.extensions["codat-relay"].tail
    wait = Events.wait

    def wait_and_tell(self: Events, after: int, seconds: float) -> bool:
        asked.append(threading.current_thread().name)
        return wait(self, after, seconds)

    monkeypatch.setattr(Events, "wait", wait_and_tell)
    answers = []
    polls = [
        threading.Thread(target=lambda: answers.append(ids(portal.get("/v1/events?wait=20"))))
        for _ in range(8)
    ]
    for poll in polls:
        poll.start()
    while tail._waiting < len(polls):
        waiting.wait(0.01)
    portal.log(("sync.failed", 1))
    for poll in polls:
        poll.join()
    assert answers == [["1"]] * len(polls)
    assert set(asked) == {"tail"}


def test_the_watcher_stays_as_long_as_somebody_waits(store):
    """Longer than it would stay without, by a clock of its own."""
    now = [0.0]
    tail = Tail(store.events, 0.05, lambda: now[0])
    heads = []
    poll = threading.Thread(target=lambda: heads.append(tail.wait(0, 25.0)))
    poll.start()
    while not tail._waiting:
        threading.Event().wait(0.01)
    now[0] = 24.0
    threading.Event().wait(0.3)
    Portal(store=store).log(("sync.failed", 1))
    poll.join()
    assert heads[0].last == 1
    tail.close()


def test_without_a_filter_no_event_is_looked_at():
    assert wanted(None, []) is None


def test_a_filter_takes_what_fits_exactly_or_by_its_beginning():
    event = EncodedEvent(1, "sync.completed", "c-1", b"{}")
    fits = {
        name: wanted(None, [name])(event) for name in ("sync.completed", "sync.*", "sync", "s*")
    }
    assert fits == {"sync.completed": True, "sync.*": True, "sync": False, "s*": True}
