"""Replays on a real server: only what is missing is added, whatever is replayed and how often."""

import json
import os
import time

import pytest
import structlog

from codat.webhook import Event
from relay.companies.company import Company
from relay.inbox.replay_filter import MessageFilter, redacted, redacted_reason
from relay.times import now_ms
from support.parts import company_id, make_event
from workers.inbox import fold as folding
from workers.inbox.outcome import Outcome
from workers.replay import replay_some

log = structlog.get_logger("figures")

ALL = MessageFilter()
MESSAGES = int(os.environ.get("RELAY_PROOF_MESSAGES", "400"))


def taken(bench, wanted=ALL):
    return [kept for kept, takes in bench.store.messages.walk(wanted, None) if takes]


def replay(bench, wanted=ALL, rounds=100):
    """Run a replay to its end as workers do."""
    found = taken(bench, wanted)
    begun = bench.store.replays.begin(wanted, total=len(found), by="test")
    finish(bench, begun.id, rounds)
    return bench.store.replays.get(begun.id)


def finish(bench, replay_id, rounds=100):
    for _ in range(rounds):
        more = replay_some(bench.context, replay_id, seconds=0)
        while bench.drain():
            pass
        if not more:
            return


def fill(bench, companies=5, each=6):
    kinds = [
        "company.created",
        "connection.created",
        "connection.connected",
        "invoices.write.successful",
    ]
    for n in range(companies * each):
        kind = kinds[n // companies % len(kinds)]
        more = {"connection": (n % companies, "Linked")} if "connection" in kind else {}
        bench.deliver(make_event(kind, company=n % companies, at=n, **more))
    bench.deliver(make_event("client.rateLimit.reached", company=None))
    while bench.drain():
        pass


def states(bench):
    return {c.id: c.to_json() for c in bench.store.companies.all()}


def test_replaying_all_twice_changes_nothing_and_says_already_applied(bench):
    fill(bench)
    log, before = bench.log(), states(bench)
    intents = bench.store.intents.counts()
    for _ in range(2):
        done = replay(bench)
        assert (done.shown_state, done.total, done.queued) == ("done", 31, 31)
        assert (done.tally.handled, done.tally.already, done.tally.added) == (31, 31, 0)
    assert (bench.log(), states(bench)) == (log, before)
    assert bench.store.intents.counts() == intents


def test_after_a_handler_was_mended_only_what_was_missing_is_added(bench, monkeypatch):
    """Aborted in the middle and continued. `make proofs` has it with 10,000 messages."""

    def silent(company: Company, event: Event) -> Outcome:
        return Outcome(company)

    handler_for = folding.handler_for
    with monkeypatch.context() as broken:
        broken.setattr(
            folding,
            "handler_for",
            lambda kind: silent if ".write." in kind else handler_for(kind),
        )
        fill(bench, companies=MESSAGES // 8, each=8)
    missing = MESSAGES // 4  # one kind in four is a write
    assert "push.completed" not in bench.types()
    before = bench.log()
    replays = bench.store.replays
    started = time.monotonic()
    begun = replays.begin(ALL, total=MESSAGES + 1, by="test")
    while replays.get(begun.id).queued < MESSAGES // 2:
        assert replay_some(bench.context, begun.id, seconds=0)
    assert replays.turn(begun.id, "aborted")
    while bench.drain():
        pass
    half = replays.get(begun.id)
    assert MESSAGES // 2 <= half.queued == half.tally.handled <= MESSAGES
    assert replays.turn(begun.id, "running")
    finish(bench, begun.id, rounds=MESSAGES)
    done = replays.get(begun.id).tally
    spent = time.monotonic() - started
    log.info("replay.done", handled=done.handled, added=done.added, seconds=round(spent, 1))
    assert (done.handled, done.added, done.dead) == (MESSAGES + 1, missing, 0)
    assert bench.log()[: len(before)] == before
    assert bench.types()[len(before) :] == ["push.completed"] * missing
    assert replay(bench, rounds=MESSAGES).tally.added == 0


def test_a_replay_aborted_in_the_middle_goes_on_where_it_stopped(bench, monkeypatch):
    monkeypatch.setattr("workers.replay.BATCH", 3)
    fill(bench)
    log = bench.log()
    replays = bench.store.replays
    begun = replays.begin(ALL, total=31, by="test")
    assert replay_some(bench.context, begun.id, seconds=0)
    assert replays.turn(begun.id, "aborted")
    assert not replay_some(bench.context, begun.id, seconds=0)
    half = replays.get(begun.id)
    assert half.shown_state == "aborted"
    assert 0 < half.queued < 31
    assert replays.running() == []
    assert replays.turn(begun.id, "running")
    finish(bench, begun.id)
    done = replays.get(begun.id)
    assert (done.shown_state, done.queued, done.tally.handled) == ("done", 31, 31)
    assert not replays.turn(begun.id, "aborted")
    assert bench.log() == log


def test_a_step_sent_twice_queues_its_messages_once(bench):
    fill(bench)
    begun = bench.store.replays.begin(ALL, total=31, by="test")
    first = taken(bench)[0]
    assert bench.store.replays.step(begun, [first], first.id, last=False) is not None
    assert bench.store.replays.step(begun, [first], first.id, last=False) is None
    assert bench.store.replays.get(begun.id).queued == 1


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (MessageFilter(company=company_id(1)), 6),
        (MessageFilter(types=("connection.*",)), 15),
        (MessageFilter(company=company_id(1), types=("company.created",)), 2),
        (MessageFilter(until=1), 0),
        (MessageFilter(since=1), 31),
        (MessageFilter(result="dead"), 0),
        (MessageFilter(result="applied"), 31),
    ],
)
def test_a_filter_chooses_the_messages(bench, wanted, count):
    fill(bench)
    assert len(taken(bench, wanted)) == count


def test_dead_letters_are_handled_again_and_are_none_afterwards(bench, monkeypatch):
    handler_for = folding.handler_for

    def fails(company: Company, event: Event) -> Outcome:
        raise KeyError("bug")

    with monkeypatch.context() as broken:
        broken.setattr(folding, "handler_for", lambda k: fails if "write" in k else handler_for(k))
        fill(bench)
        assert bench.store.inbox.depths()["dead_letters"] == 5
        again = replay(bench, MessageFilter(result="dead"))
        assert (again.tally.dead, bench.store.inbox.depths()["dead_letters"]) == (5, 5)
    for lane in range(64):  # the letter alone is enough
        bench.store.client.xtrim("{relay}:lane:" + str(lane), maxlen=0, approximate=False)
    done = replay(bench, MessageFilter(result="dead"))
    assert (done.tally.handled, done.tally.added, done.tally.dead) == (5, 5, 0)
    assert bench.store.inbox.depths()["dead_letters"] == 0
    assert bench.types().count("push.completed") == 5


def test_a_replay_of_an_old_limit_does_not_hold_or_lift_anything(bench):
    bench.deliver(make_event("client.rateLimit.reset", company=None))
    while bench.drain():
        pass
    bench.store.client.set("{relay}:codat:hold", now_ms() + 60_000)
    replay(bench)
    assert bench.store.budget.state(now_ms()).hold_until > now_ms()


def test_what_still_waits_is_not_replayed(bench):
    bench.deliver(make_event("company.created"))
    assert taken(bench) == []


def test_messages_are_found_newest_first_page_by_page(bench):
    fill(bench)
    messages = bench.store.messages
    everything = messages.newest(ALL, None, 1000, 1000).messages
    assert len(everything) == 31
    order = [int(k.message.entry.partition("-")[0]) for k in everything]
    assert order == sorted(order, reverse=True)
    seen, before = [], None
    while page := messages.newest(ALL, before, 4, 1000).messages:
        seen += [k.id for k in page]
        before = page[-1].id
    assert seen == [k.id for k in everything]
    assert messages.get(seen[0]) == everything[0]
    assert messages.get("x:1-0") is messages.get("0:1-0") is None


def test_fields_are_left_out_at_any_depth():
    body = json.loads('{"a": [{"name": "Acme", "b": 1}], "name": {"c": 2}}')
    assert redacted(body, frozenset({"name"})) == {
        "a": [{"name": "[redacted]", "b": 1}],
        "name": "[redacted]",
    }


def test_the_reason_of_a_dead_letter_hides_redacted_values():
    body = b'{"name": "Zyxwvut", "of": [{"name": 7041, "open": true}], "id": "m-1"}'
    reason = "ValueError: cannot take 'Zyxwvut' and 7041 of m-1"
    shown = redacted_reason(reason, body, frozenset({"name"}))
    assert shown == "ValueError: cannot take '[redacted]' and [redacted] of m-1"
    assert redacted_reason(reason, body, frozenset()) == reason
    assert redacted_reason("Malformed: Zyxwvut", b"{Zyxwvut", frozenset({"name"})) == "Malformed"


def test_a_job_scans_a_limited_number_and_another_goes_on(bench, monkeypatch):
    monkeypatch.setattr("workers.replay.LOOKED_AT", 2)
    fill(bench)
    wanted = MessageFilter(types=("client.rateLimit.reached",))
    begun = bench.store.replays.begin(wanted, total=1, by="test")
    positions = [""]
    while replay_some(bench.context, begun.id, seconds=0):
        positions.append(bench.store.replays.get(begun.id).position)
        assert len(positions) < 40
    bench.drain()
    done = bench.store.replays.get(begun.id)
    assert (done.shown_state, done.queued, done.tally.handled) == ("done", 1, 1)
    assert len(set(positions)) == len(positions) == 17  # of 31 messages, two by two
