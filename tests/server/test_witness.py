"""A store that comes back with less than was known of it: told once, and compared with Codat."""

import io
import json
from pathlib import Path

import pytest
import redis
from rich.console import Console
from structlog.testing import capture_logs

from cli.checkup import UNSURE, WRONG, check_loss
from cli.commands.up import say_loss
from cli.runner import embedded
from relay.store.companies.reconciliations import Phase
from relay.store.store import Store
from relay.witness import FILE, Witness
from scheduler.watch import LOST, Watch
from support.log import read_log
from support.parts import SECRET, SentHints
from support.portal_bench import Portal

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had


AT = "redis://server.test/0"


def told(store: Store) -> list[tuple[str, dict[str, object]]]:
    return [(e.type, e.data) for e in read_log(store, 0, 1000) if e.type == "log.reset"]


def fill(store: Store, events: int) -> None:
    Portal(store=store).log(*(("a.b", 1),) * events)


def test_an_emptied_store_is_logged_once_by_all_who_knew_more(store, tmp_path):
    one, two = (Witness(tmp_path / name, AT) for name in ("one", "two"))
    fill(store, 12)
    epoch = store.events.head().epoch
    for name, witness in (("one", one), ("two", two)):
        (tmp_path / name).mkdir()
        assert witness.look(store) is None
    store.client.flushall()
    emptied = Store(store.client, store.server)
    losses = [Witness(tmp_path / name, AT).look(emptied) for name in ("one", "two")]
    assert [loss.known.last for loss in losses] == [12, 12]
    [(_, data)] = told(emptied)
    assert (data["previous"], data["reason"]) == (epoch, "loss")
    assert data["current"] == emptied.events.head().epoch != epoch
    assert [Witness(tmp_path / name, AT).look(emptied) for name in ("one", "two")] == [None, None]


@pytest.mark.parametrize("more", [0, 1, 30])
def test_a_store_that_holds_what_was_known_or_more_is_whole(store, tmp_path, more):
    fill(store, 5)
    Witness(tmp_path, AT).look(store)
    if more:
        fill(store, more)
    assert Witness(tmp_path, AT).look(store) is None
    assert not told(store)
    assert store.loss() is None


def test_missing_webhooks_are_noticed_though_the_log_is_unchanged(store, tmp_path):
    store.events.head()
    fields = {"kind": "webhook", "body": b"{}"}
    for number in range(4):
        store.inbox.ingest(str(number), None, fields)
    Witness(tmp_path, AT).look(store)
    store.client.hset("{relay}:counters", "accepted", 3)
    loss = Witness(tmp_path, AT).look(store)
    assert (loss.held.accepted, loss.known.accepted) == (3, 4)
    assert told(store)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"epoch": 1, "last": "x"}',
                                  '{"epoch": "e", "last": "1", "accepted": 2}'])  # fmt: skip
def test_an_unreadable_or_unwritable_witness_raises_no_alarm(store, tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with capture_logs() as logs:
        assert Witness(tmp_path, AT).look(store) is None
    assert [one["event"] for one in logs] == ["witness.unreadable"]
    assert json.loads((tmp_path / FILE).read_text())["last"] == 0
    assert Witness(tmp_path / "not there", AT).look(store) is None


def test_what_is_missing_is_said_everywhere_and_brings_a_comparison(
    store, server, tmp_path, make_settings
):
    settings = make_settings(
        redis_url=server.url, codat_webhook_secrets=SECRET, relay_reconcile_at="never"
    )
    fill(store, 9)
    Witness(tmp_path, AT).look(store)
    store.client.flushall()
    emptied = Store.open(settings)
    loss = Witness(tmp_path, AT).look(emptied)
    said = io.StringIO()
    say_loss(Console(file=said), loss)
    assert "WARNING: the server lost data: it holds 0 events" in said.getvalue()
    ready = Portal(store=emptied).get("/readyz", token=None)
    assert (ready.status_code, "lost data" in ready.json["warnings"][0]) == (200, True)
    found = check_loss(settings)
    assert (found.verdict, "9 and 0 were known" in found.detail) == (WRONG, True)
    watch = Watch(settings, emptied, SentHints())  # type: ignore[arg-type]
    now = emptied.now_ms()
    assert [watch.look(now), watch.look(now)] == [LOST, None]
    emptied.reconciles.end(emptied.reconciles.latest()[0], Phase.DONE, now)
    assert check_loss(settings).verdict == UNSURE


def test_a_running_process_notices_that_the_store_was_emptied(store):
    fill(store, 3)
    epoch = store.events.head().epoch
    store.client.flushall()
    assert store.events.head().epoch != epoch
    [(_, data)] = told(store)
    assert (data["previous"], data["reason"]) == (epoch, "loss")


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_truncated_append_only_file_is_noticed_at_the_next_start(tmp_path, part):
    data, known = tmp_path / "data", tmp_path / "known"
    known.mkdir()
    with embedded.start(data) as running, redis.Redis.from_url(running.url) as client:
        store = Store.open(_settings(running.url))
        for _ in range(10):
            fill(store, 1)
        Witness(known, AT).look(store)
        assert client.info("persistence")["aof_enabled"]
    for file in data.rglob("*.incr.aof"):
        held = file.read_bytes()
        file.write_bytes(held[: int(len(held) * part)])
    with embedded.start(data) as running:
        store = Store.open(_settings(running.url))
        loss = Witness(known, AT).look(store)
        assert loss is not None
        assert loss.known.last == 10 > loss.held.last
        assert [data["reason"] for _, data in told(store)] == ["loss"]


def _settings(url: str):  # type: ignore[no-untyped-def]
    from relay.settings import Settings

    return Settings.from_env({"REDIS_URL": url}, env_file=None)


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("redis://u:canary@server.test:6379", True),
        ("redis://server.test/1", False),
        ("redis://another.test", False),
        ("redis+sentinel://server.test/s", False),
    ],
)
def test_another_server_is_not_held_against_what_was_known_of_one(store, tmp_path, url, is_same):
    fill(store, 3)
    Witness(tmp_path, AT).look(store)
    store.client.flushall()
    loss = Witness(tmp_path, url).look(Store(store.client, store.server))
    assert (loss is not None) is is_same
    assert "canary" not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("{data}/valkey.sock", "/tmp/codat-relay-x1y2/valkey.sock", True),
        ("{data}/valkey.sock", "/run/valkey/valkey.sock", False),
        ("/run/one/redis.sock", "/run/two/redis.sock", False),
        ("/run/one/redis.sock", "/run/one/redis.sock", True),
    ],
)
def test_a_server_behind_another_socket_is_another(store, tmp_path, one, other, is_same):
    """But our own, whose socket lies elsewhere where its path would be too long."""
    at, then = (f"unix://{path.format(data=tmp_path)}" for path in (one, other))
    fill(store, 3)
    Witness(tmp_path, at).look(store)
    store.client.flushall()
    loss = Witness(tmp_path, then).look(Store(store.client, store.server))
    assert (loss is not None) is is_same


def test_what_could_not_be_written_down_is_written_as_soon_as_it_can(store, tmp_path):
    data = tmp_path / "full"
    witness = Witness(data, AT)
    fill(store, 3)
    assert witness.look(store) is None
    data.mkdir()
    assert witness.look(store) is None
    assert json.loads((data / FILE).read_text())["last"] == 3


def test_the_file_is_for_us_alone(store, tmp_path: Path):
    Witness(tmp_path, AT).look(store)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
