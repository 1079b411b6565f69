"""A forgotten company leaves nothing but numbers, and a line that says so."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import redis
from redis.exceptions import NoPermissionError

from cli.checkup import OK, UNSURE, check_files
from relay.delivery.subscription import Secret, Subscription
from relay.inbox.message import Action, action_fields
from relay.inbox.replay_filter import MessageFilter
from relay.journeys import rules
from relay.journeys.journey import Journey
from relay.store import keys
from relay.store.delivery.subscriptions import Attempt
from relay.store.intents.queue import NewIntent, Priority
from relay.store.journeys.records import hash_of
from relay.store.server.files import refused_files, want_files, write_files_anew
from relay.syncs.pause import Pause, Scope
from relay.syncs.schedule import Cadence, Schedule
from relay.times import now_micros, now_ms
from scheduler import dispatch, maintenance
from support.log import read_log
from support.parts import SentHints, company_id, make_event
from support.portal_bench import Portal, kind, trim
from support.stored import put_schedule
from support.waiting import wait_until

NOW = 1_772_452_800  # Monday 2026-03-02T12:00Z
DUE = NOW + 43_200  # when a daily schedule falls due
NAME = "Zyxwvut Quartz Holdings"
NUMBER = "RN-99887766"
STREET = "17 Unmistakable Crescent"
REFERENCE = "LOAN-556677-ZX"
MAIL = "jane@zyxwvut.example"
TRACES = tuple(one.encode() for one in (NAME, NUMBER, STREET, REFERENCE, MAIL))
JOURNEY = Journey(
    "0123456789abcdef012345", company_id(2), 1000, 2**52, "olga", REFERENCE,
    return_url=f"https://firm.test/?who={MAIL}", token_hash=hash_of("t-1"),
)  # fmt: skip
UNSEEN = "0f0e0d0c-0b0a-0908-0706-050403020100"
EVERYTHING = Pause("p1", Scope.EVERYTHING, "", "olga", "a migration", NOW, on=True)


def subscribe(store, cursor):
    made = Subscription("sub_1", "https://x.test/", (Secret("whsec_x"),), 0)
    assert store.subscriptions.put(made, over=None, cursor=cursor, state="active")[0]


@pytest.fixture
def held(bench):
    """A company with a name, info, dead letter and intents, between two others."""
    for number in (1, 2, 3):
        name = NAME if number == 2 else f"Company {number}"
        bench.deliver(make_event("company.created", company=number, name=name))
        bench.deliver(
            make_event(
                "connection.connected",
                company=number,
                name=name,
                at=1,
                connection=(number, "Linked"),
            )
        )
        bench.drain()  # so that the log names the companies in this order
    company = company_id(2)
    bench.codat.companies[company] = {"id": company, "name": NAME, "redirect": "x"}
    info = {"companyName": NAME, "registrationNumber": NUMBER, "addresses": [{"line1": STREET}]}
    bench.codat.infos[company] = info
    bench.store.client.zadd(f"{keys.INTENTS_DUE}0", {f"info:{company}": 0})
    bench.drain()
    bench.store.client.zadd(f"{keys.INTENTS_DUE}0", {f"info:{company}": 0})
    bench.settle()
    bench.deliver(b'{"eventType": 1, "name": "%s"}' % NAME.encode())
    bench.deliver(make_event("company.deleted", company=2, name=NAME, at=3))
    touch(bench.store, company)
    return bench


def touch(store, company):
    """Let every other kind of record name the company, as it comes about."""
    # The first of a plan waits by its name alone, those that follow wait in pieces.
    first = Schedule(company, "suppliers", Cadence.DAILY)
    assert put_schedule(store, first, DUE, over=None)
    assert dispatch.dispatch(store, SentHints(), DUE) == 1
    for one in (company, company_id(3)):
        assert put_schedule(store, Schedule(one, "bills", Cadence.DAILY), DUE, over=None)
    assert dispatch.dispatch(store, SentHints(), DUE) == 2
    assert put_schedule(store, Schedule(company, "items", Cadence.DAILY), DUE, over=None)
    assert dispatch.dispatch(store, SentHints(), DUE) == 1
    assert store.client.llen(keys.SYNCS_WAITING) == 2
    store.journeys.start(rules.start(JOURNEY))
    store.journeys.change(JOURNEY.id, lambda held: rules.note_not_listed(held, f"Ask {MAIL}", 2000))
    for one in (EVERYTHING, replace(EVERYTHING, id="p2", scope=Scope.COMPANY, value=company,
                                    reason=f"{NAME} asked for it")):  # fmt: skip
        assert store.pauses.write(one, over=None, at=NOW)[0]
        assert put_schedule(store, Schedule(company, one.id, Cadence.DAILY), NOW, over=None)
        [due] = store.schedules.due(NOW, 10)
        assert store.pauses.park([(due, one)])
    late = replace(EVERYTHING, id="p3")
    assert store.pauses.write(late, over=None, at=NOW)[0]
    assert put_schedule(store, Schedule(company, "transfers", Cadence.HOURLY), 1, over=None)
    assert store.pauses.park([(store.schedules.due(1, 1)[0], late)])
    assert store.pauses.write(late.end(NOW), over=late, at=NOW)[0]
    assert store.pauses.unpark(late.id, 1, forget=True) == 0
    assert store.client.hlen(keys.HELD_BACK) == 1
    need = NewIntent(f"reread:{company}", company, Priority.LINK, 0, "test", {"name": NAME})
    store.intents.put([need], now_ms())
    [claimed] = store.intents.claim(
        now=now_ms(), lease_ms=60_000, limit=1, priorities=[Priority.LINK]
    )
    store.intents.finish(claimed, "dead", now=now_ms(), lane=0, error=NAME)
    store.reconciles.begin("r1", cause="asked for", now=NOW, chosen=[company])
    store.replays.begin(MessageFilter(company=company), total=1, by="olga")
    subscribe(store, cursor=0)
    [lease] = store.subscriptions.claim(lease_ms=1000, limit=1, hindered=1)
    answered = Attempt(now_ms(), "1", "4", 4, 422, 5, f"do not know {NAME}", "", taken=False)
    assert store.subscriptions.record(lease, "later", wait=2**40, attempt=answered)[0]


def everything(client) -> bytes:
    """All keys and values of the server, as bytes."""
    found = []
    for key in client.scan_iter(count=1000):
        found.append(key)
        match client.type(key):
            case b"string":
                found.append(client.get(key))
            case b"hash":
                found += [part for pair in client.hgetall(key).items() for part in pair]
            case b"stream":
                found += [
                    part for _, e in client.xrange(key) for pair in e.items() for part in pair
                ]
            case b"zset":
                found += client.zrange(key, 0, -1)
            case b"set":
                found += client.smembers(key)
            case b"list":
                found += client.lrange(key, 0, -1)
    return b"\n".join(found)


def files(client) -> bytes:
    folder = Path(client.config_get("dir")["dir"])
    found = b""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError, OSError):
            found += path.read_bytes()
    return found


def test_a_forgotten_company_leaves_no_trace_in_memory_or_on_disk(held):
    store, client, company = held.store, held.store.client, company_id(2)
    client.config_set("rdbcompression", "no")
    client.config_set("save", "3600 1")
    client.save()
    before, last = everything(client), store.events.last()
    assert [trace for trace in TRACES if trace not in before] == []
    assert [trace for trace in TRACES if trace not in files(client)] == []
    gone = store.erasure.forget(company, "olga")
    assert (gone.messages >= 4, gone.events >= 3) == (True, True)
    held.drain()
    client.config_set("auto-aof-rewrite-percentage", 0)
    until_files_are_clean(client)
    client.config_set("save", "")
    after = everything(client)
    assert [trace for trace in TRACES if trace in after] == []
    assert [trace for trace in TRACES if trace in files(client)] == []
    told = [e for e in read_log(store, last) if e.type == "company.forgotten"]
    assert [e.data["by"] for e in told] == ["olga"]
    assert store.companies.get(company) is None
    assert store.companies.count() == 2
    assert store.schedules.of(company) == {}


def until_files_are_clean(client):
    """Each file is written anew, then the former one dropped."""
    deadline = time.monotonic() + 30
    while not write_files_anew(client) or any(trace in files(client) for trace in TRACES):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "is_refused"),
    [
        ("BUSY Redis is busy running a script", False),
        ("Can't execute an AOF background rewriting. Please check the server logs", False),
        ("Background append only file rewriting already in progress", False),
        ("unknown command 'BGREWRITEAOF'", True),
    ],
)
def test_files_are_not_called_clean_for_an_answer_that_says_later(
    client, monkeypatch, answer, is_refused
):
    """Only a server that never takes the command is noted, for those who keep it."""

    def refused() -> None:
        raise redis.ResponseError(answer)

    want_files(client)
    monkeypatch.setattr(client, "bgrewriteaof", refused)
    write_files_anew(client)
    assert client.hget(keys.FILES, "aof_done") is None
    assert refused_files(client) == ["aof"] * is_refused


def test_files_that_cannot_be_rewritten_are_noted_until_they_are(
    store, server, make_settings, monkeypatch
):
    client, settings = store.client, make_settings(redis_url=server.url)
    client.config_set("auto-aof-rewrite-percentage", 0)
    want_files(client)
    with monkeypatch.context() as without_the_right:
        error = NoPermissionError("this user has no permissions to run the 'bgrewriteaof' command")
        without_the_right.setattr(client, "bgrewriteaof", Mock(side_effect=error))
        assert write_files_anew(client)
        assert refused_files(client) == ["aof"]
        found = check_files(settings)
        assert (found.verdict, "append-only file" in found.detail) == (UNSURE, True)
        client.execute_command("BGREWRITEAOF")  # by an administrator
        wait_until(lambda: write_files_anew(client) and not refused_files(client), "a clean file")
    assert client.hget(keys.FILES, "aof_done") == b"1"
    assert check_files(settings).verdict == OK
    want_files(client)
    with monkeypatch.context() as without_the_right:
        without_the_right.setattr(client, "bgrewriteaof", Mock(side_effect=error))
        write_files_anew(client)
        assert refused_files(client) == ["aof"]
    wait_until(lambda: write_files_anew(client), "our own rewrite, as the right is there again")
    assert refused_files(client) == []


def test_a_forgetting_during_a_rewrite_causes_one_more_rewrite(
    held,
):
    store, client = held.store, held.store.client
    client.config_set("auto-aof-rewrite-percentage", 0)
    client.set("bulk", b"x" * 30_000_000)  # so that a rewrite lasts
    store.erasure.forget(company_id(3), "olga")
    assert client.info("persistence")["aof_rewrite_in_progress"]
    store.erasure.forget(company_id(2), "olga")  # not in the rewrite that has begun
    assert not write_files_anew(client)
    until_files_are_clean(client)


def test_a_forgetting_killed_half_way_is_finished_by_the_clock(held, monkeypatch):
    store, company = held.store, company_id(2)
    last = store.events.last()

    def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("relay.store.companies.erasure.rewrite", killed)
        with pytest.raises(RuntimeError):
            store.erasure.forget(company, "olga")
    assert store.erasure.unfinished() == {company: "olga"}
    hints = SentHints()
    assert maintenance.finish_forgetting(store, hints) == 1
    assert hints.drained == [store.inbox.lane_of(company)]
    held.drain()
    assert [trace for trace in TRACES if trace in dumped(store.client)] == []
    [told] = [e for e in read_log(store, last) if e.type == "company.forgotten"]
    assert (told.data["by"], told.data["events"] >= 3) == ("olga", True)
    assert store.erasure.unfinished() == {}
    assert maintenance.finish_forgetting(store, hints) == 0


def dumped(client) -> bytes:
    """The server's memory of each key, in which what was only marked as deleted still stands."""
    return b"".join(client.dump(key) or b"" for key in client.scan_iter(count=1000))


def test_a_company_named_only_in_messages_can_be_forgotten(bench):
    store = bench.store
    bench.deliver(b'{"eventType": "x", "id": "1", "companyId": 7, "of": "%s"}' % UNSEEN.encode())
    bench.drain()
    assert store.erasure.forget("1", "olga") is None  # stands in all sorts of things
    assert store.erasure.forget(company_id(9), "olga") is None
    assert store.erasure.unfinished() == {}
    assert store.erasure.forget(UNSEEN, "olga") is not None
    assert store.client.xlen(keys.DEAD) == 0
    kept = [fields for _, fields in store.client.xrange(keys.LANE + "0")]
    assert not any(UNSEEN.encode() in fields.get(b"body", b"") for fields in kept)


def test_a_company_by_an_older_sort_of_id_is_forgotten_to_its_end_too(bench, monkeypatch):
    store, company = bench.store, "older-id-0001"
    action = Action("made:1", "relay.company_created", company, now_micros(), {"name": NAME})
    store.inbox.ingest(action.id, company, action_fields(action))
    bench.drain()
    assert store.companies.get(company)
    with monkeypatch.context() as patched:
        patched.setattr("relay.store.companies.erasure.rewrite", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.erasure.forget(company, "olga")
    assert store.companies.get(company) is None
    assert maintenance.finish_forgetting(store, SentHints()) == 1
    assert store.erasure.unfinished() == {}
    assert NAME.encode() not in dumped(store.client)


def test_readable_messages_stay_even_with_a_word_of_the_company(bench):
    store = bench.store
    bench.deliver(make_event("company.created", company=1, name="Client Reset"))
    bench.deliver(make_event("company.created", company=2, name="Reached"))
    bench.drain()
    bench.deliver(b'{"eventType": 1, "of": "The Reached Ones"}')
    bench.deliver(b'{"eventType": 1, "of": "The Unreached Ones"}')
    quota = b'{"id": "q-1", "eventType": "client.rateLimit.reached", "payload": {"of": "Reached"}}'
    bench.deliver(quota)
    store.erasure.forget(company_id(2), "olga")
    kept = b"".join(f[b"body"] for _, f in store.client.xrange(keys.LANE + "0") if b"body" in f)
    assert (b"The Reached" in kept, b"Unreached" in kept, quota in kept) == (False, True, True)


def test_answers_that_hold_a_word_of_it_go_even_after_their_events(held):
    store = held.store
    trim(store, store.events.last())
    assert store.subscriptions.attempts("sub_1", 10)
    store.erasure.forget(company_id(2), "olga")
    assert store.subscriptions.attempts("sub_1", 10) == []


def test_only_the_line_that_says_so_names_a_forgotten_company(held):
    store, client, company = held.store, held.store.client, company_id(2)
    assert sum(company.encode() in one for one in everything(client).split(b"\n")) > 20
    store.erasure.forget(company, "olga")
    held.drain()
    named = [key.decode() for key in client.scan_iter() if company in key.decode()]
    assert named == [keys.TIMELINE + company]
    [number] = client.zrange(keys.TIMELINE + company, 0, -1)
    [(_, line)] = client.xrange(keys.LOG, number, number)
    assert line[b"type"] == b"company.forgotten"
    lane = keys.LANE + str(store.inbox.lane_of(company))
    rest = everything(client).split(b"\n")
    for expected in (
        named[0].encode(),
        *[part for part in line.values() if company.encode() in part],
        *[f[b"company"] for _, f in client.xrange(lane) if f[b"company"] == company.encode()],
    ):
        rest.remove(expected)
    assert [one for one in rest if company.encode() in one] == []
    assert store.journeys.get(JOURNEY.id) is None
    assert store.journeys.by_token("t-1") is None
    assert [pause.id for pause in store.pauses.all()] == ["p1"]


def test_what_others_have_stays_when_a_company_is_forgotten(held):
    store, client = held.store, held.store.client
    other = company_id(3)
    touched = {k for k in client.scan_iter() if other.encode() in k}
    state, events = store.companies.get(other), store.events.timeline(other)
    store.erasure.forget(company_id(2), "olga")
    assert {k for k in client.scan_iter() if other.encode() in k} == touched
    assert (store.companies.get(other), store.events.timeline(other)) == (state, events)
    assert store.intent_list.count("waiting", "sync:*") == 1
    priorities = [Priority.SCHEDULED]
    [sync] = store.intents.claim(now=now_ms(), lease_ms=9000, limit=9, priorities=priorities)
    assert sync.name.startswith(f"sync:{other}:bills:")
    assert store.intent_list.count("waiting", "sync:*") == 1


def test_the_numbers_stay_without_a_gap_for_every_reader(held):
    store = held.store
    whole = read_log(store, 0, 1000)
    held.store.erasure.forget(company_id(2), "olga")
    last = store.events.last()
    read = read_log(store, 0, 1000)
    assert [e.sequence for e in read] == list(range(1, last + 1))
    kept = {e.sequence: e for e in read if e.type != "event.erased"}
    assert kept == {e.sequence: e for e in whole if e.subject != company_id(2)}
    for size in (1, 2, 3):  # whatever the page
        seen, cursor = [], 0
        while page := read_log(store, cursor, size):
            seen += page
            cursor = page[-1].sequence
        assert seen == read
    assert store.events.timeline(company_id(2)) == []


def test_a_drain_that_had_read_the_company_does_not_bring_it_back(held):
    store = held.store
    lane = store.inbox.lane_of(company_id(2))
    lease = store.inbox.claim(lane, 60_000)
    messages = store.inbox.read(lease, lease.cursor, 10)
    from workers.inbox.drain import fold_all

    batch = fold_all(held.context, messages, lane, held.store.now_ms())
    assert company_id(2) in batch.states
    store.erasure.forget(company_id(2), "olga")
    done = store.inbox.commit(lease, lease.cursor, messages[-1], batch, now=now_ms(), lease_ms=1000)
    assert done is None
    assert store.companies.get(company_id(2)) is None


def test_the_api_forgets_and_says_how_much(held):
    portal = Portal(store=held.store)
    answer = portal.post(f"/v1/companies/{company_id(2)}/forget")
    assert answer.status_code == 200
    assert answer.json["messages"] >= 2
    assert kind(portal.get(f"/v1/companies/{company_id(2)}")) == "unknown-company"
    assert kind(portal.post(f"/v1/companies/{company_id(9)}/forget")) == "unknown-company"


def test_a_consumer_group_resumes_at_its_oldest_open_event(held):
    client = held.store.client
    client.xgroup_create(keys.LOG, "books", "0")
    [[_, got]] = client.xreadgroup("books", "one", {keys.LOG: ">"}, count=5)
    client.xack(keys.LOG, "books", got[0][0], got[1][0])
    last = client.xinfo_stream(keys.LOG)["last-generated-id"]
    held.store.erasure.forget(company_id(2), "olga")
    assert client.xinfo_stream(keys.LOG)["last-generated-id"] == last
    [[_, again]] = client.xreadgroup("books", "two", {keys.LOG: ">"}, count=1)
    assert int(again[0][0].split(b"-")[0]) == 3
