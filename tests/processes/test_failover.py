"""Behind Sentinel: what was acknowledged survives fail-overs under load, and workers stop and last.

`RELAY_FAILOVERS` makes it more fail-overs than the suite's few (`make failovers`), and then the
result is written to bench/results/failover.md.
"""

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from cli.runner import embedded
from relay.store import keys
from relay.store.server.checks import ServerRefused, inspect
from relay.store.server.connect import connect
from relay.store.server.guard import NotDurable
from relay.store.store import Store
from support.fleet import Fleet
from support.log import read_log
from support.parts import make_event, signed
from support.paths import ROOT
from support.portal_bench import Portal
from support.sentinels import DOWN_AFTER_MS, Sentinels, free_ports, running_sentinels
from support.waiting import wait_until

ROUNDS = int(os.environ.get("RELAY_FAILOVERS", "0"))
RESULT = ROOT / "bench" / "results" / "failover.md"
SENDERS = 8 if ROUNDS else 4
WORKERS = ("drain-1", "codat-1", "deliver-1")
AT_LEAST = 50  # webhooks taken before and after each fail-over
KINDS = (
    "killed",
    "frozen",
    "frozen, awake as another takes over",
    "killed while a replica was down",
    "killed, back as a primary",
)


@pytest.fixture(scope="module")
def site(
    server: embedded.EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sentinels]:
    """A primary, two replicas, three sentinels; skips where no server is to be had."""
    with running_sentinels(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(site: Sentinels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The service's processes, which find the primary by the sentinels."""
    folder = tmp_path_factory.mktemp("fleet") / "data"
    folder.mkdir()
    running = Fleet(folder, free_ports(1)[0], site, {})  # type: ignore[arg-type]
    try:
        for name in ("web", "scheduler", *WORKERS):
            running.start(name)
        yield running
    finally:
        running.stop_processes()


@dataclass
class Load:
    """Senders that post one webhook after another, each again until it is taken, as Codat does."""

    port: int
    taken: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)
    longest: float = 0.0  # seconds between two that were taken

    def start(self) -> None:
        self.began = self.last = time.monotonic()
        self.threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> float:
        """End it; give for how many seconds it ran."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return time.monotonic() - self.began

    def _send(self, sender: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        number = 0
        while not self.stopping.is_set():
            number += 1
            name = f"evt-{sender}-{number:06d}"
            body = json.dumps(make_event("thing.happened", company=number % 50, id=name)).encode()
            while not self._is_taken(connection, name, body):
                time.sleep(0.05)

    def _is_taken(self, connection: http.client.HTTPConnection, name: str, body: bytes) -> bool:
        try:
            headers = signed(body, message_id=f"msg_{name}")
            connection.request("POST", "/webhooks/codat", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.answers[type(error).__name__] += 1
            connection.close()
            return False
        self.answers[str(answer.status)] += 1
        if answer.status != 204:
            return False
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now
        self.taken.append(f"msg_{name}")
        return True

    def goes_on(self) -> None:
        """Wait until many more were taken."""
        wanted = len(self.taken) + AT_LEAST
        wait_until(lambda: len(self.taken) >= wanted, "more webhooks taken")


def places_of(store: Store, names: list[str]) -> dict[str, list[str]]:
    """Return what the server still holds of webhooks: in which streams, and which lanes wait."""
    found = {
        f"{stream.decode()} {entry.decode()}": fields.get(b"id", b"").decode()
        for stream in store.client.scan_iter(match=f"{keys.TAG}*", count=10_000, _type="stream")
        for entry, fields in store.client.xrange(stream)
    }
    waiting = [str(lane) for lane in store.client.zrange(keys.WAITING, 0, -1, withscores=True)]
    held = {name: [place for place, id_ in found.items() if id_ == name] for name in names}
    return held | {"waiting": waiting}


def fail_over(site: Sentinels, kind: str) -> None:
    """Take the primary away in this way; leave all servers running, in step."""
    old = site.primary()
    spare = next(port for port in site.servers if port != old)
    if kind == "killed while a replica was down":
        site.kill(spare)
        time.sleep(0.2)
    if kind.startswith("frozen"):
        site.signal(old, signal.SIGSTOP)
    else:
        site.kill(old)
    if kind == "frozen, awake as another takes over":
        wake_as_another_takes_over(site, old)
    new = wait_until(lambda: (port := site.primary()) != old and port, "another primary")
    if kind.startswith("frozen"):
        site.signal(old, signal.SIGCONT)
    else:
        site.start(old, of=None if kind == "killed, back as a primary" else new)
    if kind == "killed while a replica was down":
        site.start(spare, of=new)
    wait_until(site.in_step, "servers in step")


def wake_as_another_takes_over(site: Sentinels, old: int) -> None:
    """Thaw the primary while its other replica still follows it, as no sentinel has told it yet."""

    def is_primary(port: int) -> bool:
        role: Any = site.client(port).info("replication")
        return role["role"] == "master"

    others = [port for port in site.servers if port != old]
    wait_until(lambda: any(is_primary(port) for port in others), "another primary")
    site.signal(old, signal.SIGCONT)


@pytest.mark.timeout(1800)
def test_what_was_acknowledged_survives_fail_overs_under_load(site, fleet):
    fleet.wait_until_ready()
    load = Load(fleet.port)
    load.start()
    pids = {name: process.pid for name, process in fleet.running.items()}
    done: Counter[str] = Counter()
    try:
        load.goes_on()
        for number in range(ROUNDS or 1):
            kind = KINDS[number % len(KINDS)]
            fail_over(site, kind)
            done[kind] += 1
            load.goes_on()
    finally:
        seconds = load.stop()
    with fleet.store() as store:
        wait_until(lambda: store.inbox.depths()["lanes_waiting"] == 0, "the end of the backlog")
        log = read_log(store, 0, 10_000_000)
        told = Counter(event.cause for event in log if event.type == "webhook.unknown_type")
        lost = [name for name in load.taken if not told[name]]
        kept = places_of(store, lost)
    doubled = [name for name, times in told.items() if times > 1]
    if ROUNDS:
        write_result(site, load, done, seconds, lost, doubled)
    assert not lost, f"{len(lost)} of {len(load.taken)} were lost; on the server: {kept}"
    assert not doubled
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    # Nobody ended: each process found the new primary by itself.
    assert {name: p.pid for name, p in fleet.running.items() if p.poll() is None} == pids
    assert set(load.answers) <= {"204", "503", "TimeoutError"}


def write_result(
    site: Sentinels,
    load: Load,
    done: Counter[str],
    seconds: float,
    lost: list[str],
    doubled: list[str],
) -> None:
    kinds = "\n".join(f"| fail-overs, primary {kind} | {times} |" for kind, times in done.items())
    answers = ", ".join(f"{times:,} x {what}" for what, times in sorted(load.answers.items()))
    cores = len(os.sched_getaffinity(0))
    rate = len(load.taken) / seconds
    RESULT.write_text(f"""# Shown: no acknowledged webhook is lost or doubled by fail-overs

`RELAY_FAILOVERS={sum(done.values())} make failovers`: a primary,
two replicas and three sentinels (Valkey, `appendfsync always`, `min-replicas-to-write 1`,
`min-replicas-max-lag 2`, down after {DOWN_AFTER_MS / 1000:.0f} s), a web process, a worker of each
kind and a scheduler, on one machine of {cores} cores on which other work ran. {SENDERS} senders
post one webhook after another without a pause, each again until it is answered 204. At the end
every webhook that was answered 204 must stand in the log once.

| | |
| --- | --- |
{kinds}
| load | {rate:.0f} webhooks taken a second over {seconds:.0f} s, fail-overs included |
| taken (204) | {len(load.taken):,} |
| lost of these | {len(lost)} |
| doubled in the log | {len(doubled)} |
| longest without any taken | {load.longest:.1f} s |
| answers | {answers} |
""")


def test_idle_workers_stop_when_asked(site, fleet):
    """A read that was broken off by the signal left its answer to the next command."""

    def waiting() -> bool:
        with connect(site.url) as client:
            blocked = [one for one in client.client_list() if "b" in one["flags"]]
            return len(blocked) >= len(WORKERS)

    wait_until(waiting, "workers that wait")
    for name in WORKERS:
        fleet.signal(name, signal.SIGTERM)
    codes = [fleet.running[name].wait(60) for name in WORKERS]
    assert codes == [0, 0, 0]


@pytest.mark.parametrize(
    ("least", "lag", "is_refused"),
    [(1, 2, False), (2, 5, False), (0, 2, True), (1, 0, True), (1, 10, True)],
)
def test_a_primary_must_take_nothing_once_it_has_lost_its_replicas(site, least, lag, is_refused):
    primary = site.client(site.primary())
    settings: dict[str, Any] = {"min-replicas-to-write": least, "min-replicas-max-lag": lag}
    try:
        for name, value in settings.items():
            primary.config_set(name, value)
        with connect(site.url) as client:
            accepted = inspect(client, ["no-min-replicas"])
            assert accepted.accepted_risks == (("no-min-replicas",) if is_refused else ())
            if is_refused:
                with pytest.raises(ServerRefused, match="risk: no-min-replicas"):
                    inspect(client)
    finally:
        primary.config_set("min-replicas-to-write", 1)
        primary.config_set("min-replicas-max-lag", 2)


@pytest.fixture
def spare(site: Sentinels) -> Iterator[int]:
    """A replica that may be frozen or killed; all are in step before and afterwards."""
    wait_until(site.in_step, "servers in step")
    primary = site.primary()
    port = next(port for port in site.servers if port != primary)
    yield port
    if port in site.running:
        site.signal(port, signal.SIGCONT)
    else:
        site.start(port, of=primary)
    wait_until(site.in_step, "servers in step")


def opened(site: Sentinels, make_settings: Callable[..., Any], wait: str | None = None) -> Store:
    more = {} if wait is None else {"relay_replicas_to_wait": wait}
    return Store.open(make_settings(redis_url=site.url, **more))


def put_in_time(store: Store, name: str) -> None:
    """Put once the replicas are quick enough, as on a busy machine they may not be."""

    def is_put() -> bool:
        with suppress(NotDurable):
            put(store, name)
            return True
        return False

    wait_until(is_put, "an acknowledged write")


def refused(store: Store, name: str, why: str) -> None:
    """Put until the refusal has this reason. A put that is not refused fails the test.

    Another reason may come first, as when a sentinel makes a replica connect anew.
    """

    def reason() -> str:
        with pytest.raises(NotDurable) as refusal:
            put(store, name)
        return str(refusal.value)

    wait_until(lambda: why in reason(), f"a refusal because of {why}")


def put(store: Store, name: str) -> str:
    """Take a webhook in; return its entry."""
    return store.inbox.ingest(name, None, {"kind": "webhook", "body": b"{}"}).entry


def test_each_replica_in_step_must_have_what_is_acknowledged(site, spare, make_settings):
    """One of two is not enough: the other may be the one that becomes the primary."""
    every, one = opened(site, make_settings), opened(site, make_settings, "1")
    portal = Portal(store=every)
    put_in_time(every, "before")
    assert portal.get("/readyz", token=None).json["durability"].endswith("every replica in step")
    site.signal(spare, signal.SIGSTOP)
    refused(every, "meanwhile", "of 2 replicas")
    put_in_time(one, "with one alone")
    pause = {"scope": "everything", "reason": "a test"}
    asked = portal.post("/v1/pauses", json=pause)
    assert (asked.status_code, asked.json["type"].rpartition("#")[2]) == (503, "not-durable")
    site.signal(spare, signal.SIGCONT)
    wait_until(lambda: not every.guard.faults(), "a server that is strong again")
    put_in_time(every, "after")
    wait_until(lambda: portal.post("/v1/pauses", json=pause).status_code == 201, "a pause")


def test_a_replica_that_is_down_is_awaited_only_if_a_number_says_so(site, spare, make_settings):
    every, two = opened(site, make_settings), opened(site, make_settings, "2")
    put_in_time(two, "before")
    site.kill(spare)
    primary = site.client(site.primary())
    wait_until(lambda: primary.info("replication")["connected_slaves"] == 1, "one replica less")
    put_in_time(every, "with all that are left")
    refused(two, "refused", "of 2 replicas")


def test_a_former_primary_misses_the_replica_that_was_promoted(site, spare, make_settings):
    """It has merely left, and what the other one confirms is lost when it follows the new one."""
    store = opened(site, make_settings)
    put_in_time(store, "before")
    left = site.client(spare)
    primary = site.client(site.primary())
    site.signal(site.sentinels[0], signal.SIGSTOP)  # it may be the one that did it
    try:
        left.execute_command("REPLICAOF", "NO", "ONE")
        wait_until(lambda: primary.info("replication")["connected_slaves"] == 1, "one replica less")
        refused(store, "meanwhile", f"may make 127.0.0.1:{spare} the primary")
        assert "unconfirmed" in store.guard.faults()
    finally:
        site.signal(site.sentinels[0], signal.SIGCONT)
    put_in_time(store, "once every sentinel knows better")
    left.execute_command("REPLICAOF", "127.0.0.1", str(site.primary()))
    wait_until(site.in_step, "servers in step")
    put_in_time(store, "after")


@pytest.mark.timeout(300)
def test_what_a_primary_took_that_woke_as_another_took_over_is_kept(site, make_settings):
    store = opened(site, make_settings)
    put_in_time(store, "first")
    taken: list[str] = []
    stopping = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            with suppress(NotDurable, redis.RedisError):
                taken.append(put(store, f"wake-{sender}-{number}"))

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        wait_until(lambda: len(taken) > AT_LEAST, "writes")
        fail_over(site, "frozen, awake as another takes over")
    finally:
        stopping.set()
        for sender in senders:
            sender.join()
    lane = keys.LANE + str(store.inbox.lane_of(None))
    held = {entry.decode() for entry, _ in site.client(site.primary()).xrange(lane)}
    lost = [entry for entry in taken if entry not in held]
    assert not lost, f"{len(lost)} of {len(taken)} were lost"


def test_nothing_is_waited_for_where_the_setting_says_none(site, spare, make_settings):
    store = opened(site, make_settings, "0")
    site.signal(spare, signal.SIGSTOP)
    put_in_time(store, "taken")
    assert store.server.durability == "on disk before it answers"
