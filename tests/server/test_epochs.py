"""Numbers that a fail-over gives a second time are told by another epoch, on servers that fail."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
import redis

from cli.runner import embedded
from codat.signature import new_secret
from relay.delivery.sender import WebhookSender
from relay.delivery.subscription import Secret, Subscription
from relay.events.catalogue import check
from relay.store import keys
from relay.store.scripts import Scripts
from relay.store.server.checks import Server
from relay.store.server.connect import connect
from relay.store.store import Store
from relay.times import now_ms
from support.log import read_log
from support.parts import SECRET, Bench
from support.portal_bench import Portal, kind, problem
from support.subscribers import LOOPBACK, subscriber
from workers.delivery import Deliverer


class Site:
    """Two servers and the one address that leads to whichever serves, as Sentinel gives it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._address = folder / "serving"
        self.one = stack.enter_context(embedded.start(folder / "one"))
        self.two = stack.enter_context(embedded.start(folder / "two"))
        self.url = f"unix://{self._address}"
        self._clients = stack
        self._lead_to(self.one)

    def store(self) -> Store:
        """A store as a process of its own has it: without memory of what others saw."""
        client = self._clients.enter_context(connect(self.url))
        return Store(client, Server("test", False, 0))

    def follow(self) -> None:
        """Have the second server follow the first, and wait until it has all."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with self._client(self.one) as one, self._client(self.two) as two:
            one.config_set("port", port)
            two.replicaof("127.0.0.1", port)
            while two.info("replication")["master_link_status"] != "up":
                pass
            one.set("waited-for", "1")
            assert one.wait(1, 20_000) == 1

    def part(self) -> None:
        """Let the second server take over: from here on it lacks what the first is told."""
        with self._client(self.two) as two:
            two.replicaof("NO", "ONE")

    def fail_over(self) -> None:
        """Kill the first server, and lead everyone to the second."""
        self.one.process.kill()
        self.one.process.wait()
        self._lead_to(self.two)

    def _lead_to(self, server: embedded.EmbeddedServer) -> None:
        fresh = self._address.with_suffix(".new")
        fresh.symlink_to(server.url.removeprefix("unix://"))
        fresh.replace(self._address)

    def _client(self, server: embedded.EmbeddedServer) -> redis.Redis:
        return redis.Redis.from_url(server.url)


@pytest.fixture
def site(server: embedded.EmbeddedServer, tmp_path: Path) -> Iterator[Site]:
    """Servers of its own; skips where the shared one does, as no server is to be had."""
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def read(portal: Portal, cursor: int, epoch: str | None = None) -> list[tuple[str, str]]:
    """The events after a cursor, each by epoch and type."""
    query = f"after={cursor}" + (f"&epoch={epoch}" if epoch else "")
    found = portal.get(f"/v1/events?{query}").json
    assert {event["epoch"] for event in found["events"]} <= {found["epoch"]}
    return [(event["epoch"], event["type"]) for event in found["events"]]


def lose_three(site: Site, portal: Portal) -> str:
    """Ten events, all read, of which the server that takes over has seven; gives the epoch."""
    portal.log(*(("a.b", 1),) * 7)
    epoch = portal.store.events.head().epoch
    site.follow()
    site.part()
    portal.log(*(("a.b", 1),) * 3)
    assert len(read(portal, 0)) == 10
    site.fail_over()
    return epoch


@pytest.mark.parametrize("remembers", [True, False])
def test_numbers_that_a_fail_over_gives_again_are_of_another_epoch(site, remembers):
    """The log has grown past what was lost before anyone looks, also one that remembers nothing."""
    portal = Portal(store=site.store())
    epoch = lose_three(site, portal)
    Portal(store=site.store()).log(*(("c.d", 2),) * 5)
    looks = portal if remembers else Portal(store=site.store())
    answer = looks.get(f"/v1/events?after=10&epoch={epoch}")
    assert kind(answer) == "log-reset"
    stream = "/v1/events/stream"
    sent = {"Last-Event-ID": f"{epoch}:10"}
    assert kind(looks.get(stream, headers=sent)) == "log-reset"
    new = problem(answer)["epoch"]
    expected = [(new, "c.d")] * 5 + [(new, "log.reset")]
    assert read(portal, 7) == read(looks, 7, new) == expected
    assert read(Portal(store=site.store()), 7) == expected


def test_a_new_epoch_begins_with_an_event_that_says_so(site):
    portal = Portal(store=site.store())
    epoch = lose_three(site, portal)
    new = portal.store.events.head().epoch
    portal.log(("c.d", 2))
    assert read(portal, 7) == [(new, "log.reset"), (new, "c.d")]
    told = portal.get("/v1/events?after=7").json["events"][0]
    assert told["data"] == {"previous": epoch, "current": new, "reason": "fail-over"}
    check(told["type"], told["data"])
    assert (told["id"], "subject" in told) == ("8", False)
    assert [e.sequence for e in portal.store.events.timeline("")] == [8]


def test_a_page_that_is_read_while_the_server_changes_is_of_one_epoch(site):
    portal = Portal(store=site.store())
    fails_over_once_asked(site, portal)
    assert kind(portal.get("/v1/events?after=0")) == "log-reset"


def test_a_reader_without_memory_reads_the_log_of_a_changed_server(site):
    """As those who deliver: each event once, all of the new epoch."""
    portal = Portal(store=site.store())
    fails_over_once_asked(site, portal)
    found = portal.store.events.read(0, 100).events
    assert [event.sequence for event in found] == list(range(1, 14))
    assert {event.epoch for event in found} == {portal.store.events.head().epoch}


def fails_over_once_asked(site: Site, portal: Portal) -> None:
    """The server changes between the question how the log stands and the reading of it."""
    portal.log(*(("a.b", 1),) * 7)
    assert portal.store.events.last() == 7
    site.follow()
    site.part()
    portal.log(*(("a.b", 1),) * 3)
    ask, asked = portal.store.events.head, []

    def ask_then_fail_over():
        found = ask()
        if not asked:
            asked.append(found)
            site.fail_over()
            Portal(store=site.store()).log(*(("c.d", 2),) * 5)
        return found

    portal.store.events.head = ask_then_fail_over


def test_a_server_that_is_started_again_keeps_its_epoch(site):
    portal = Portal(store=site.store())
    portal.log(*(("a.b", 1),) * 7)
    epoch = portal.get("/v1/events").json["epoch"]
    for _ in range(2):
        site.one.process.kill()
        site.one.process.wait()
        site.one.launch()
        for one in (portal, Portal(store=site.store())):
            one.log(("c.d", 1))
            assert read(one, 7, epoch)[-1] == (epoch, "c.d")
    assert "log.reset" not in [event for _, event in read(portal, 0)]


@pytest.mark.parametrize("grown", [0, 5])
def test_a_server_back_with_older_data_begins_a_new_epoch(site, grown):
    """As from a backup, or after a crash within the second that `everysec` may lose."""
    portal = Portal(store=site.store())
    portal.log(*(("a.b", 1),) * 7)
    epoch = portal.store.events.head().epoch
    data = site.one.data_dir / "appendonlydir"
    shutil.copytree(data, site.one.data_dir / "kept")
    portal.log(*(("x.y", 1),) * 3)
    assert len(read(portal, 0)) == 10
    site.one.process.kill()
    site.one.process.wait()
    shutil.rmtree(data)
    (site.one.data_dir / "kept").rename(data)
    site.one.launch()
    if grown:
        Portal(store=site.store()).log(*(("c.d", 2),) * grown)
    assert kind(portal.get(f"/v1/events?after=10&epoch={epoch}")) == "log-reset"
    told = [event for _, event in read(portal, 7)]
    assert told == ["c.d"] * grown + ["log.reset"]


def test_what_has_gone_from_the_log_meanwhile_is_no_reset(site):
    portal = Portal(store=site.store())
    portal.log(*(("a.b", 1),) * 7)
    epoch = portal.get("/v1/events").json["epoch"]
    site.store().client.xdel(keys.LOG, "7-0")
    site.store().client.hset(keys.META, mapping={"log_thinned": 7, "log_thinned_at": 0})
    site.one.process.kill()
    site.one.process.wait()
    site.one.launch()
    assert portal.store.events.head().epoch == epoch


def test_a_subscriber_that_drops_repeats_loses_nothing_by_a_failover(site, make_settings: Callable):
    """Epoch and number name an event, and so does the id of its delivery."""
    store = site.store()
    portal = Portal(store=store)
    bench = Bench(store, make_settings(codat_webhook_secrets=SECRET))
    deliverer = Deliverer(bench.context, lambda url: WebhookSender(url, LOOPBACK, seconds=5.0))
    with subscriber() as one:
        made = Subscription("sub_1", one.url, (Secret(new_secret()),), now_ms())
        store.subscriptions.put(made, over=None, cursor=0, state="active")
        portal.log(*(("a.b", 1),) * 7)
        assert store.events.last() == 7
        site.follow()
        site.part()
        portal.log(*(("a.b", 1),) * 3)
        deliverer.wake()
        assert deliverer.wait(20)
        site.fail_over()
        Portal(store=site.store()).log(*(("c.d", 2),) * 5)
        deliverer.wake()
        assert deliverer.wait(20)
        taken = [(headers["webhook-id"], orjson.loads(body)) for headers, body in one.taken]
    by_delivery = {delivery: event["type"] for delivery, event in reversed(taken)}
    by_event = {(e["epoch"], e["id"]): e["type"] for _, e in reversed(taken)}
    for kept in (by_delivery, by_event):
        assert list(kept.values()).count("c.d") == 5
        assert list(kept.values()).count("log.reset") == 1


def test_a_reader_after_a_reset_does_not_skip_reused_numbers(site):
    """As a subscription whose cursor was read before the server changed."""
    portal = Portal(store=site.store())
    lose_three(site, portal)
    assert portal.store.events.read(10, 1).cursor == 8  # the event of the reset


def test_an_epoch_that_is_begun_twice_is_one(site):
    store = site.store()
    Portal(store=store).log(("a.b", 1))
    names = [keys.META, keys.LOG, keys.TIMELINE, keys.TIME_INDEX]
    held, renew = store.events.head().epoch, Scripts(store.client).renew_epoch
    for _ in range(2):
        assert renew(names, [held, "new", "run", "loss"]) == b"new"
        assert renew(names, ["new", "", "run", ""]) == b"new"
    assert [event.type for event in read_log(store, 0)] == ["a.b", "log.reset"]
