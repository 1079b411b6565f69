"""A server that is weakened while we run: noticed, told, and nothing acknowledged meanwhile."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import redis

from cli.checkup import OK, WRONG, check_server
from cli.runner import embedded
from receiver.app import create_app
from relay import times
from relay.store import keys
from relay.store.server import checks as server_module
from relay.store.server import guard
from relay.store.server.checks import NEEDED, NEEDED_OF_REPLICAS, ServerRefused, _config, judge
from relay.store.server.guard import Guard, NotDurable
from relay.store.store import Store
from scheduler.strength import Strength
from support.parts import SECRET, Bench, SentHints, make_event, signed
from support.portal_bench import Portal
from support.waiting import wait_until

FIELDS = {"kind": "webhook", "body": b"{}"}
# What is done to the server, and the names that it is then told by.
WEAKENED: dict[str, tuple[list[tuple[str, str]], set[str]]] = {
    "the disk is not waited for": ([("appendfsync", "no")], {"fsync"}),
    "nothing goes to the disk": ([("appendonly", "no")], {"no-aof"}),
    "nothing while files are rewritten": ([("no-appendfsync-on-rewrite", "yes")], {"fsync"}),
    "keys are evicted": ([("maxmemory-policy", "allkeys-lru")], {"eviction"}),
    "keys that expire are evicted": ([("maxmemory-policy", "volatile-ttl")], {"eviction"}),
    "memory is full": ([("maxmemory", "1")], {"refuses-writes"}),
    "replicas are demanded": ([("min-replicas-to-write", "1")], {"refuses-writes"}),
    "it follows another": ([("REPLICAOF", "127.0.0.1 1")], {"replica", "refuses-writes"}),
    "it follows another but takes writes": (
        [("REPLICAOF", "127.0.0.1 1"), ("replica-read-only", "no")],
        {"replica"},
    ),
    "two at once": (
        [("appendfsync", "no"), ("maxmemory-policy", "allkeys-lru")],
        {"fsync", "eviction"},
    ),
}
STRONG = {
    "appendfsync": "always",
    "appendonly": "yes",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
    "maxmemory": "0",
    "min-replicas-to-write": "0",
    "replica-read-only": "yes",
}


class Site:
    """A server whose settings can be changed under us, and a store that was opened before."""

    def __init__(self, url: str, make_settings: Callable[..., Any]) -> None:
        self.admin = redis.Redis.from_url(url, socket_timeout=60)
        self.admin.flushall()
        self.settings = make_settings(redis_url=url, codat_webhook_secrets=SECRET)
        self.store = Store.open(self.settings)

    def weaken(self, changes: list[tuple[str, str]]) -> None:
        for name, value in changes:
            if name == "REPLICAOF":
                self.admin.execute_command(name, *value.split())
            else:
                self.admin.config_set(name, value)

    def mend(self) -> None:
        self.admin.execute_command("REPLICAOF", "NO", "ONE")
        for name, value in STRONG.items():
            self.admin.config_set(name, value)
        while self.admin.info("persistence")["aof_rewrite_in_progress"]:
            pass

    def put(self, name: str) -> None:
        self.store.inbox.ingest(name, None, FIELDS)

    def kept(self) -> int:
        return int(self.admin.xlen(keys.LANE + "0"))


@pytest.fixture(scope="module")
def own(
    server: embedded.EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[embedded.EmbeddedServer]:
    """A server of this file's own; skips where the shared one does."""
    with embedded.start(tmp_path_factory.mktemp("weak")) as running:
        yield running


@pytest.fixture
def site(
    own: embedded.EmbeddedServer,
    make_settings: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setattr(guard, "POLL_SECONDS", 0.0)  # as if a second passed each time
    site = Site(own.url, make_settings)
    yield site
    site.mend()


@pytest.mark.parametrize("what", WEAKENED)
def test_a_weakened_server_acknowledges_nothing_until_it_is_mended(site, what):
    changes, names = WEAKENED[what]
    site.put("before")
    site.weaken(changes)
    kept = site.kept()
    with pytest.raises((NotDurable, redis.RedisError)):
        site.put("meanwhile")
    assert site.kept() == kept
    assert set(site.store.guard.faults()) == names
    site.mend()
    site.put("after")
    assert site.kept() == kept + 1
    assert not site.store.guard.faults()


def test_webhooks_hear_later_and_readiness_status_and_doctor_say_why(site):
    app = create_app(site.settings, site.store, SentHints())
    portal = Portal(store=site.store)

    def post() -> Any:
        body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()
        return app.test_client().post("/webhooks/codat", data=body, headers=signed(body))

    assert post().status_code == 204
    assert portal.get("/readyz", token=None).status_code == 200
    assert check_server(site.settings).verdict == OK
    site.weaken([("appendfsync", "no")])
    refused = post()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    ready = portal.get("/readyz", token=None)
    assert ready.status_code == 503
    assert "set `appendfsync always`" in ready.json["missing"][0]
    assert "appendfsync" in portal.get("/v1/status").json["server_faults"][0]
    found = check_server(site.settings)
    assert (found.verdict, "appendfsync" in found.detail) == (WRONG, True)
    asked = portal.put("/v1/policy", json={"default": "none"})
    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "5")
    assert asked.json["type"].endswith("#not-durable")
    assert portal.get("/v1/companies").status_code == 200
    site.mend()
    assert post().status_code == 204
    assert portal.get("/readyz", token=None).status_code == 200


def test_the_doctor_finds_a_server_that_takes_no_writes(site):
    site.weaken([("maxmemory", "1")])
    found = check_server(site.settings)
    assert (found.verdict, "maxmemory" in found.detail) == (WRONG, True)


def test_a_risk_that_was_accepted_stays_accepted(own, make_settings, monkeypatch):
    monkeypatch.setattr(guard, "POLL_SECONDS", 0.0)
    site = Site(own.url, make_settings)
    try:
        accepted = make_settings(redis_url=own.url, relay_accept_risks="eviction")
        site.store = Store.open(accepted)
        site.weaken([("maxmemory-policy", "allkeys-lru")])
        site.put("taken")
        assert site.store.server.accepted_risks == ("eviction",)
        site.weaken([("appendfsync", "no")])
        with pytest.raises(NotDurable):
            site.put("refused")
    finally:
        site.mend()


def test_a_first_append_only_file_counts_once_it_is_written(site, monkeypatch):
    site.weaken([("appendonly", "no")])
    assert set(site.store.guard.faults()) == {"no-aof"}
    site.mend()
    with monkeypatch.context() as patch:
        patch.setattr(guard, "judge", lambda *given: replace(judge(*given), aof_is_written=True))
        assert set(site.store.guard.faults()) == {"no-aof"}
    assert not site.store.guard.faults()


@pytest.mark.usefixtures("has_waitaof")
def test_a_server_that_can_be_waited_for_is_waited_for_from_then_on(site):
    site.weaken([("appendfsync", "everysec")])
    site.put("waited for")
    assert site.store.server.must_wait


def test_a_write_that_reached_a_server_with_replicas_awaits_them(site, monkeypatch):
    """As in a fail-over: the connection is a new one, and leads to a server set up otherwise."""
    inbox, waited = site.store.inbox, []
    ingest = inbox._scripts.ingest

    def fail_over(*given: Any, **more: Any) -> Any:
        other = replace(judge(site.store.client), must_wait=True)
        monkeypatch.setattr(guard, "judge", lambda *given: other)
        site.store.guard._connections.latest = object()
        return ingest(*given, **more)

    monkeypatch.setattr(inbox._scripts, "ingest", fail_over)
    monkeypatch.setattr(site.store.guard, "settle", lambda: waited.append(site.kept()))
    monkeypatch.setattr(Guard, "confirmed", lambda *given: [])  # by the look itself
    kept = site.kept()
    site.put("written without a wait")
    assert waited == [kept + 1]


@contextmanager
def busy(site: Site) -> Iterator[None]:
    """A script that does not end, until the body has."""
    limit = "lua-time-limit"  # its name with Redis 6.2, and still known
    before = site.admin.config_get(limit)[limit]
    site.admin.config_set(limit, 1)
    spinning = redis.Redis.from_url(site.settings.redis_url, socket_timeout=60)

    def spin() -> None:
        with suppress(redis.ResponseError):  # it is killed
            spinning.eval("while true do end", 0)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        wait_until(lambda: says_busy(site), "a busy server")
        yield
    finally:
        site.admin.script_kill()
        thread.join()
        site.admin.config_set(limit, before)


def says_busy(site: Site) -> bool:
    try:
        return not site.admin.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")


@pytest.mark.parametrize("accepted", ["", "unknown-config"])
def test_a_busy_server_is_not_said_to_hide_its_configuration(site, make_settings, accepted):
    settings = make_settings(
        redis_url=site.settings.redis_url,
        codat_webhook_secrets=SECRET,
        relay_accept_risks=accepted,
    )
    store = Store.open(settings)
    app, portal = create_app(settings, store, SentHints()), Portal(store=store)
    body = json.dumps(make_event("connection.connected", connection=(1, "Linked"))).encode()

    def post() -> Any:
        return app.test_client().post("/webhooks/codat", data=body, headers=signed(body))

    with busy(site):
        with pytest.raises(redis.ResponseError, match="BUSY"):
            store.guard.faults()
        with pytest.raises(redis.ResponseError, match="BUSY"):
            _config(store.client)
        refused = post()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        asked = portal.get("/v1/companies")
        assert (asked.status_code, asked.headers["Retry-After"]) == (503, "5")
        assert portal.get("/readyz", token=None).status_code == 503
    assert post().status_code == 204
    assert store.server.accepted_risks == ()
    assert not store.guard.faults()


SHOWN = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "no-appendfsync-on-rewrite": "no",
    "min-replicas-to-write": "1",
    "min-replicas-max-lag": "2",
}


@pytest.mark.parametrize(
    ("hidden", "faults"),
    [
        (["appendonly"], {"unknown-config"}),
        (["appendfsync"], {"unknown-config"}),
        (["maxmemory-policy"], {"unknown-config"}),
        (["no-appendfsync-on-rewrite", "min-replicas-to-write"], set()),
        (list(SHOWN), {"unknown-config"}),
    ],
)
def test_what_a_managed_server_does_not_show_is_unknown_not_off(site, monkeypatch, hidden, faults):
    shown = {name: value for name, value in SHOWN.items() if name not in hidden}
    monkeypatch.setattr(server_module, "_config", lambda client: shown)
    found = judge(site.store.client)
    assert set(found.faults) == faults
    said = found.faults.get("unknown-config", "")
    assert all(name in said for name in hidden if name in NEEDED)
    assert not judge(site.store.client, ["unknown-config"]).faults
    monkeypatch.setattr(server_module, "_config", lambda client: shown | {"appendonly": "no"})
    assert "no-aof" in judge(site.store.client, ["unknown-config"]).faults


def test_behind_sentinel_the_replicas_demands_must_be_visible_too(site, monkeypatch):
    monkeypatch.setattr(server_module, "SentinelConnectionPool", redis.ConnectionPool)
    for name in NEEDED_OF_REPLICAS:
        shown = {one: value for one, value in SHOWN.items() if one != name}
        monkeypatch.setattr(server_module, "_config", lambda client, shown=shown: shown)
        assert name in judge(site.store.client).faults["unknown-config"]


def test_an_unreadable_configuration_is_a_risk_that_can_be_accepted(site, make_settings):
    site.admin.execute_command("ACL SETUSER managed on >pw ~* &* +@all -config")
    try:
        url = f"{site.settings.redis_url}?username=managed&password=pw"
        with pytest.raises(ServerRefused, match="unknown-config"):
            Store.open(make_settings(redis_url=url))
        accepted = Store.open(make_settings(redis_url=url, relay_accept_risks="unknown-config"))
        accepted.inbox.ingest("taken", None, FIELDS)
        site.admin.execute_command("ACL SETUSER managed -set")
        with pytest.raises(NotDurable, match="takes no writes"):
            accepted.inbox.ingest("refused", None, FIELDS)
    finally:
        site.admin.execute_command("ACL DELUSER managed")


@pytest.mark.parametrize(
    ("taken", "name"),
    [("-set", "refuses-writes"), ("-xadd", "refuses-writes"), ("-evalsha -eval", "refuses-writes"),
     ("-zadd", "refuses-writes"), ("resetkeys %R~*", "refuses-writes"), ("-info", "no-permission"),
     ("-config", "unknown-config")],
)  # fmt: skip
def test_a_right_taken_from_us_is_reported_until_it_is_restored(site, make_settings, taken, name):
    if "%" in taken and site.store.server.version.startswith("6."):
        pytest.skip("needs a server that tells rights to read and to write apart")
    site.admin.execute_command("ACL SETUSER ours on >pw ~* &* +@all")
    try:
        url = f"{site.settings.redis_url}?username=ours&password=pw"
        store = Store.open(make_settings(redis_url=url))
        site.admin.execute_command(f"ACL SETUSER ours {taken}")
        assert set(store.guard.faults()) == {name}
        with pytest.raises(NotDurable):
            store.inbox.ingest("meanwhile", None, FIELDS)
        site.admin.execute_command("ACL SETUSER ours ~* +@all")
        assert not store.guard.faults()
        store.inbox.ingest("after", None, FIELDS)
        assert site.kept() == 1
    finally:
        site.admin.execute_command("ACL DELUSER ours")


@pytest.mark.parametrize(
    ("version", "old"),
    [("7", False), ("v7.2", False), ("7.2-rc1", False), ("6", True), ("unstable", True)],
)
def test_a_version_of_another_form_is_read_or_taken_for_old(site, monkeypatch, version, old):
    monkeypatch.setattr(site.store.client, "info", lambda: {"redis_version": version})
    assert ("old-server" in judge(site.store.client).faults) == old


def test_an_append_only_file_that_could_not_be_written_is_a_fault(site, monkeypatch):
    monkeypatch.setattr(guard, "judge", lambda *given: replace(judge(*given), aof_failed=True))
    with pytest.raises(NotDurable, match="append-only file"):
        site.put("refused")


def test_the_server_is_judged_per_connection_not_per_webhook(site, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(guard, "POLL_SECONDS", 1.0)
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    site.put("first")

    def judged() -> int:
        stats = site.admin.info("commandstats")
        return sum(stats[name]["calls"] for name in stats if name.startswith("cmdstat_config"))

    before = judged()
    for number in range(50):
        site.put(str(number))
    assert judged() == before
    now[0] += 1.5
    site.put("a second later")
    assert judged() > before
    # Behind a new connection may be another server: it is looked at before anything is told.
    site.weaken([("appendfsync", "no")])
    site.store.client.connection_pool.disconnect()
    kept = site.kept()
    with pytest.raises(NotDurable):
        site.put("over a new connection")
    assert site.kept() <= kept + 1


class CountedLock:
    """A lock that tells how many came to it."""

    def __init__(self) -> None:
        self.inner, self.came = threading.Lock(), 0

    def acquire(self, timeout: float) -> bool:
        self.came += 1
        return self.inner.acquire(timeout=timeout)

    def release(self) -> None:
        self.inner.release()


def test_a_look_that_fails_fails_for_all_who_wait_for_it(site, monkeypatch):
    """A server that hangs must not keep them one after another."""
    held, lock = Guard.open(site.store.client, (), None), CountedLock()
    looks, heard = [], []
    held._looking = lock

    def ask() -> None:
        try:
            held.demand()
        except redis.TimeoutError as error:
            heard.append(str(error))

    others = [threading.Thread(target=ask) for _ in range(5)]

    def hang(*_: Any) -> None:
        looks.append(1)
        for other in others:
            other.start()
        while lock.came < 6:
            pass
        raise redis.TimeoutError("it hangs")

    monkeypatch.setattr(guard, "judge", hang)
    ask()
    for other in others:
        other.join()
    assert heard == ["it hangs"] * 6
    assert len(looks) == 1


def test_a_change_of_the_server_is_logged_once_by_many_schedulers(site):
    bench = Bench(site.store, site.settings)
    first, second = (Strength(site.store, SentHints()) for _ in range(2))

    def look() -> list[tuple[str, Any]]:
        first.look()
        second.look()
        bench.drain()
        return [one for one in bench.log() if one[0].startswith("server.")]

    assert look() == []
    site.weaken([("maxmemory-policy", "allkeys-lru")])
    [(kind, data)] = look()
    assert (kind, data["risks"]) == ("server.weakened", ["eviction"])
    assert "set `maxmemory-policy noeviction`" in data["faults"][0]
    assert len(look()) == 1
    site.weaken([("appendfsync", "no")])
    assert look()[-1][1]["risks"] == ["eviction", "fsync"]
    site.mend()
    assert look()[-1] == ("server.mended", {"risks": ["eviction", "fsync"]})
    assert len(look()) == 3
    site.weaken([("appendfsync", "no")])
    assert len(look()) == 4


def test_what_could_not_be_written_is_logged_once_writes_work_again(site):
    bench = Bench(site.store, site.settings)
    first, second = (Strength(site.store, SentHints()) for _ in range(2))
    for one in (first, second):
        one.look()
    site.weaken([("maxmemory", "1")])
    for one in (first, second):
        one.look()
    site.mend()
    for one in (first, second):
        one.look()
    bench.drain()
    told = [kind for kind, _ in bench.log() if kind.startswith("server.")]
    assert told == ["server.weakened", "server.mended"]


def test_a_scheduler_that_begins_when_it_is_mended_says_so(site):
    bench = Bench(site.store, site.settings)
    site.weaken([("appendfsync", "no")])
    Strength(site.store, SentHints()).look()
    site.mend()
    Strength(site.store, SentHints()).look()
    bench.drain()
    assert [kind for kind, _ in bench.log()] == ["server.weakened", "server.mended"]


@pytest.mark.parametrize("seconds", [3600, -3600, 400 * 86_400])
def test_a_new_connection_brings_the_clock_of_what_is_there(site: Site, seconds: int) -> None:
    """After a fail-over it leads to another server, with a clock of its own."""
    site.put("before")
    times.follow(time.time() + seconds, times.steady_ns())
    site.store.client.connection_pool.disconnect()
    site.put("after")
    assert abs(times.now_ms() / 1000 - site.store.time()) < 60
    assert site.kept() == 2
