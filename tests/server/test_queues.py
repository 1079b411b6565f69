"""Hints in RQ's queues: no more than there are workers to take them, none missed for long."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
from redis.exceptions import ConnectionError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from cli import checkup
from receiver.intake import Delivery, Intake
from relay import queues
from relay.queues import CODAT, DELIVER, DRAIN, HintJob, Hints, lengths, queue, tidy
from relay.store import keys
from scheduler import maintenance
from support.log import read_log
from support.parts import SECRET, company_id, make_event, signed
from workers import context
from workers.context import use
from workers.inbox import drain as draining
from workers.worker import HintWorker

BURST = 200  # webhooks, to companies of as many lanes as there are
MESSAGE = {"kind": "webhook", "source": "default", "id": "m", "type": "?", "body": b"{"}


@pytest.fixture
def hints(client):
    return Hints(client)


def workers_listen(client, queue_name: str, count: int) -> None:
    client.sadd(WORKERS_BY_QUEUE_KEY % queue_name, *(f"rq:worker:{n}" for n in range(count)))


def records(client) -> int:
    return len(list(client.scan_iter("rq:job:*")))


def post(store, hints, number: int) -> None:
    """Take one webhook in, for a company of its own."""
    body = json.dumps(make_event("company.created", company=number)).encode()
    intake = Intake(store, hints, secrets=[SECRET])
    assert intake.take(Delivery(signed(body), "default"), body).status == 204


def work_off(client) -> None:
    """Let one stock worker do what its queue holds."""
    SimpleWorker(
        [queue(DRAIN, client)], connection=client, job_class=HintJob, serializer=JSONSerializer
    ).work(burst=True, logging_level="WARNING")


@pytest.mark.parametrize("listening", [0, 1, 3])
def test_webhooks_to_idle_lanes_leave_no_more_hints_than_workers(store, client, hints, listening):
    if listening:
        workers_listen(client, DRAIN, listening)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: post(store, hints, number), range(1, BURST + 1)))
    assert store.inbox.depths()["lanes_waiting"] > 50
    assert lengths(client)[DRAIN] == max(1, listening)
    assert records(client) == max(1, listening)


def test_one_hint_has_a_burst_over_all_lanes_drained(store, client, hints, bench):
    use(replace(bench.context, hints=hints))
    for number in range(1, BURST + 1):
        post(store, hints, number)
    assert lengths(client)[DRAIN] == 1
    work_off(client)
    assert store.inbox.depths()["lanes_waiting"] == 0
    assert store.companies.count() == BURST


def test_a_drain_whose_commit_the_new_primary_lacks_starts_over(store, client, bench):
    """It is ahead of the server's cursor then: it must neither wait for ever nor pass a message."""
    post(store, bench.context.hints, 1)
    lane = store.inbox.lane_of(company_id(1))
    commit, lost = store.inbox.commit, []

    def commit_and_fail_over(lease, cursor, *rest, **more):
        done = commit(lease, cursor, *rest, **more)
        if not lost:
            lost.append(client.hset(keys.CURSORS, lane, cursor))
            client.delete(keys.LOG, keys.META, keys.COMPANY + company_id(1))
        return done

    store.inbox.commit = commit_and_fail_over
    assert draining.drain_lanes(bench.context) == 2
    assert [one.type for one in read_log(store, 0)].count("company.created") == 1
    assert store.inbox.depths()["lanes_waiting"] == 0


@pytest.mark.parametrize("lose", ["the queue", "everything of RQ's", "the job as it is taken"])
def test_a_hint_that_was_lost_stands_in_no_other_ones_way(store, client, hints, lose):
    hints.drain(1)
    if lose == "the job as it is taken":
        client.lpop("rq:queue:drain")
    else:
        client.delete("rq:queue:drain")
    if lose == "everything of RQ's":
        client.delete(*client.scan_iter("rq:*"))
    hints.drain(2)
    [left] = queue(DRAIN, client).jobs
    assert left.args == (2,) or left.args == [2]


def test_the_sweeper_replaces_a_lost_hint_and_adds_none_beside_one(
    store, client, hints, monkeypatch
):
    monkeypatch.setattr(maintenance, "MAX_WAIT_MS", 0)
    for number in range(1, BURST + 1):
        post(store, hints, number)
    client.delete("rq:queue:drain")
    for _ in range(5):
        maintenance.sweep(store, hints)
    assert lengths(client)[DRAIN] == 1


@pytest.mark.parametrize(
    ("send", "where"), [(Hints.perform, CODAT), (Hints.deliver, DELIVER)], ids=["codat", "deliver"]
)
def test_hints_of_every_kind_are_as_few_though_no_worker_takes_them(client, hints, send, where):
    for _ in range(50):
        send(hints)
    assert lengths(client) == {DRAIN: 0, CODAT: 0, DELIVER: 0, where: 1}


def test_a_replay_has_one_hint_and_keeps_no_drain_from_having_its_own(client, hints):
    for _ in range(20):
        hints.replay("rep_1")
        hints.replay("rep_2")
        hints.drain(5)
    assert [job.func_name for job in queue(DRAIN, client).jobs] == [
        "workers.replay.replay",
        "workers.replay.replay",
        "workers.inbox.drain.drain",
    ]


def test_a_hint_sent_twice_for_want_of_an_answer_is_there_once(client, hints, monkeypatch):
    put = hints._put
    monkeypatch.setattr(hints, "_put", lambda *sent: (put(*sent), put(*sent)))
    workers_listen(client, DRAIN, 5)
    hints.drain(1)
    assert lengths(client)[DRAIN] == records(client) == 1


def test_the_thousands_of_hints_an_older_version_left_get_no_more(client, hints):
    client.rpush("rq:queue:drain", *(f"{number:032x}" for number in range(1000)))
    hints.drain(1)
    assert lengths(client)[DRAIN] == 1000
    client.lpop("rq:queue:drain")
    hints.drain(1)
    assert lengths(client)[DRAIN] == 1000


def test_a_drain_whose_time_is_over_hands_on_whatever_waits(store, client, bench, monkeypatch):
    """While one hint waits no other is sent, so whoever takes it must not leave lanes behind."""
    monkeypatch.setattr(draining, "HAND_ON_AFTER", -1.0)
    for number in range(1, 4):
        post(store, bench.context.hints, number)
    bench.hints.drained.clear()
    draining.drain_lanes(bench.context)
    assert len(bench.hints.drained) == 1
    while store.inbox.depths()["lanes_waiting"]:
        draining.drain_lanes(bench.context)
    assert store.companies.count() == 3


def test_tests_drain_everything_on_a_slow_machine_too(store, bench, monkeypatch):
    monkeypatch.setattr(draining, "HAND_ON_AFTER", -1.0)
    for number in range(1, 4):
        post(store, bench.context.hints, number)
    assert bench.drain() == 3
    assert store.companies.count() == 3


@pytest.mark.parametrize("busy", [1, 3])
def test_no_lane_starves_behind_busy_ones_with_a_single_worker(
    store, client, hints, bench, monkeypatch, busy
):
    """Each job does one message of a lane that has hundreds, and others come to idle lanes."""
    use(replace(bench.context, hints=hints))
    monkeypatch.setattr(draining, "HAND_ON_AFTER", -1.0)
    monkeypatch.setattr(draining, "BATCH", 1)
    monkeypatch.setattr(maintenance, "MAX_WAIT_MS", 0)
    always = {store.inbox.lane_of(f"busy {number}"): f"busy {number}" for number in range(busy)}
    for number in range(100 * busy):
        store.inbox.ingest(f"{number}", f"busy {number % busy}", MESSAGE)
    others = [n for n in range(1, 30) if store.inbox.lane_of(company_id(n)) not in always][:9]
    for number in others:
        post(store, hints, number)
    jobs = 0
    while store.companies.count() < len(others):
        maintenance.sweep(store, hints)
        lane = queue(DRAIN, client).fetch_job(client.lpop("rq:queue:drain").decode()).args[0]
        draining.drain(lane)
        jobs += 1
        assert jobs < 4 * (busy + len(others))


def test_each_record_goes_by_itself_though_rq_lost_sight_of_it(client, hints):
    hints.drain(1)
    [record] = client.scan_iter("rq:job:*")
    assert 0 < client.ttl(record) <= queues.RECORD_TTL


def test_jobs_that_fail_are_kept_to_the_latest(client, hints, monkeypatch):
    monkeypatch.setattr(queues, "MAX_FAILED", 3)
    monkeypatch.setattr(context, "_current", [])  # so that every job fails
    for lane in range(7):
        hints.drain(lane)
        work_off(client)
    failed = queue(DRAIN, client).failed_job_registry
    assert failed.count == 7
    assert tidy(client) == 4
    assert failed.count == records(client) == 3
    assert tidy(client) == 0


@pytest.mark.parametrize(("length", "verdict"), [(0, "ok"), (64, "ok"), (101, "unsure")])
def test_the_doctor_warns_of_hints_that_pile_up(length, verdict):
    found = checkup.check_queues({DRAIN: length, CODAT: 0, DELIVER: 1})
    assert found.verdict == verdict
    assert verdict == "ok" or f"{length} in drain" in found.detail


def test_a_worker_without_its_server_retries_every_few_seconds(client, monkeypatch):
    """By itself RQ would wait for up to a minute, though the server is long back."""
    waits = []

    def away(*_args, **_more):
        raise ConnectionError

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 12:
            raise StopRequested

    drain = queue(DRAIN, client)
    worker = HintWorker([drain], connection=client, job_class=HintJob, serializer=JSONSerializer)
    monkeypatch.setattr(worker, "heartbeat", away)
    monkeypatch.setattr("rq.worker.base.time", SimpleNamespace(sleep=wait))
    with pytest.raises(StopRequested):
        worker.dequeue_job_and_maintain_ttl(None)
    assert max(waits) <= 5
