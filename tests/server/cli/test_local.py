"""What is made before the service starts, and what is said when it cannot."""

import ipaddress
import re
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from cli.app import main
from cli.data_dir import DataDir
from cli.faults import CannotStart, Failed
from cli.runner.local import Supervisor, check_ports, make_secrets, processes
from cli.runner.ports import address_of
from cli.runner.processes import PROCESSES
from cli.runner.restarts import TOO_MANY, Restarts
from relay.settings import Settings
from support.paths import ROOT

MakeSettings = Callable[..., Settings]
SECRET = "whsec_c2VjcmV0IG9mIGEgZ29vZCBsZW5ndGghIQ=="


def test_the_procfile_lists_the_same_processes() -> None:
    listed = {}
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        listed[name] = command
    public = listed["web"].removesuffix(" --public")
    assert public != listed["web"]  # a platform's router comes from another host
    listed["web"] = public
    assert listed == {p.name: " ".join(["codat-relay", *p.arguments]) for p in PROCESSES}


def test_work_is_taken_in_no_longer_before_workers_stop() -> None:
    turns = {process.name: process.stop_turn for process in PROCESSES}
    assert turns["web"] < turns["scheduler"] < turns["drain"] == turns["codat"]


def test_the_sandbox_runs_only_without_a_codat_key(make_settings: MakeSettings) -> None:
    with_key = make_settings(codat_api_key="key", codat_webhook_secrets=SECRET)
    assert "sandbox" in [process.name for process in processes(make_settings())]
    assert "sandbox" not in [process.name for process in processes(with_key)]


def test_a_taken_port_is_one_sentence_that_names_the_setting(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} .* Set PORT ") as refused:
            check_ports(make_settings(port=port))
        with pytest.raises(CannotStart, match="Set SANDBOX_PORT "):
            check_ports(make_settings(port=_free_port(), sandbox_port=port))
    assert "\n" not in str(refused.value)


def test_two_services_on_one_port_are_refused(make_settings: MakeSettings) -> None:
    with pytest.raises(CannotStart, match="the same"):
        check_ports(make_settings(port=8000, sandbox_port=8000))


def test_the_sandbox_secret_is_made_once_and_kept_private(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    here = DataDir(tmp_path / "data")
    made = make_secrets(make_settings(), here)
    assert made["CODAT_WEBHOOK_SECRETS"].startswith("whsec_")
    assert make_secrets(make_settings(), here) == made
    kept = here.path / "webhook-secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_secret_that_is_set_is_not_replaced(make_settings: MakeSettings, tmp_path: Path) -> None:
    assert make_secrets(make_settings(codat_webhook_secrets=SECRET), DataDir(tmp_path)) == {}
    assert list(tmp_path.iterdir()) == []


def test_another_codat_without_a_secret_is_refused(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    elsewhere = make_settings(codat_api_url="http://127.0.0.1:9")
    with pytest.raises(CannotStart, match="CODAT_WEBHOOK_SECRETS"):
        make_secrets(elsewhere, DataDir(tmp_path))


@dataclass
class FailingServer:
    """Stands in for an embedded server whose process ends as soon as it is launched."""

    log: Path = Path("valkey.log")
    data_dir: Path = Path("data")
    launched: int = 0
    lack: str | None = None
    fails: bool = False

    def is_alive(self) -> bool:
        return False

    def has_room(self) -> bool:
        return True

    def lacks_room(self) -> str | None:
        return self.lack

    def launch(self) -> None:
        self.launched += 1
        if self.fails:
            raise CannotStart("it did not start")


@pytest.mark.parametrize("fails", [False, True])
def test_an_embedded_server_that_keeps_ending_stops_everything(
    make_settings: MakeSettings, fails: bool
) -> None:
    """Whether it ends after it was started, or cannot be started."""
    server, said = FailingServer(fails=fails), []
    settings = make_settings(port=_free_port(), sandbox_port=_free_port())
    attend = Supervisor(settings, server, said.append, lambda: None)  # type: ignore[arg-type]
    attend.restarts = Restarts(0.0)
    with pytest.raises(Failed, match=r"keeps ending; see valkey\.log"):  # noqa: PT012
        for _ in range(2 * TOO_MANY):
            attend()
    deaths = [one for one in said if "ended" in one]
    assert server.launched == len(deaths) == TOO_MANY - 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_server_on_a_full_disk_is_restarted_forever(
    make_settings: MakeSettings, fails: bool
) -> None:
    server, said = FailingServer(lack="No space left on device", fails=fails), []
    settings = make_settings(port=_free_port(), sandbox_port=_free_port())
    attend = Supervisor(settings, server, said.append, lambda: None)  # type: ignore[arg-type]
    attend.restarts = Restarts(0.0)
    for _ in range(10 * TOO_MANY):
        attend()
    assert server.launched > 4 * TOO_MANY
    assert "nothing can be written to data (No space left on device)" in said[0]
    assert "answered 503" in said[0]


def test_all_is_announced_once_and_only_when_it_is_ready(make_settings: MakeSettings) -> None:
    announced: list[str] = []
    settings = make_settings(port=_free_port(), sandbox_port=_free_port())
    attend = Supervisor(settings, None, announced.append, lambda: announced.append("ready"))
    attend()
    assert announced == []
    with ready_at(settings.port), ready_at(settings.sandbox_at):
        deadline = time.monotonic() + 30
        while not announced and time.monotonic() < deadline:
            attend()
        attend()
    assert announced == ["ready"]


@contextmanager
def ready_at(port: int) -> Iterator[None]:
    """Answer 200 to everything on `port`."""
    server = make_server("127.0.0.1", port, Response("fine"))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_host_may_be_a_name_or_an_address(make_settings: MakeSettings, host: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("needs IPv6")
    settings = make_settings(host=host, port=_free_port(), sandbox_port=_free_port())
    check_ports(settings)
    assert ipaddress.ip_address(address_of(settings.host))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "999.1.1.1", "192.0.2.1", "a" * 70])
def test_a_host_that_is_none_of_ours_is_one_sentence(
    make_settings: MakeSettings, host: str
) -> None:
    """Passed on to the web server, it would end again and again."""
    with pytest.raises(CannotStart, match=re.escape(host)) as refused:
        check_ports(make_settings(host=host, port=_free_port()))
    assert "\n" not in str(refused.value)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("server")  # skips where no server is to be had
@pytest.mark.parametrize(
    "taken",
    [
        "data is a file", "data/lock", "data/address", "data/valkey.log", "data/valkey.sock",
        "data/operator-token", "data/webhook-secret", "data/webhook-secret.new", "/proc/nowhere",
        "/dev/null/data", "x" * 300, "/dev/null",
    ],
)  # fmt: skip
def test_an_obstacle_to_the_start_is_one_sentence_and_leaves_no_files(
    taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODAT_SPEC_DIR", raising=False)  # no setting, so it is warned of
    data = tmp_path / "data"
    if taken == "data is a file":
        data.write_text("")
    elif taken.startswith("data/"):
        (tmp_path / taken / "held").mkdir(parents=True)
    else:
        data = tmp_path / taken
    result, after = _start(data, monkeypatch)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert len(result.output.split("\n  ")[0].splitlines()) == 1, result.output
    assert str(data) in result.output
    assert after == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("room", [0, 100])
def test_a_start_on_a_full_disk_is_a_sentence(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first file, or where the server cannot write what it begins with."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        result, after = _start(tmp_path / "data", monkeypatch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 2, result.output
    assert "File too large" in result.output
    assert after == []


def _start(data: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Result, list[str]]:
    """Run `up`, which is to refuse, and give what it left running on `data`."""

    def too_far(*_: object, **__: object) -> None:
        raise AssertionError("it was not refused")

    monkeypatch.setattr("cli.commands.up.Runner", too_far)
    monkeypatch.chdir(data.parents[-1])
    ports = {"PORT": str(_free_port()), "SANDBOX_PORT": str(_free_port())}
    result = CliRunner().invoke(main, ["up"], env={"RELAY_DATA_DIR": str(data), **ports})
    lines = [
        entry.read_text(errors="replace") for entry in Path("/proc").glob("[0-9]*/cmdline")
        if _is_readable(entry)
    ]  # fmt: skip
    return result, [line for line in lines if f"{data}/valkey.log" in line]


def _is_readable(entry: Path) -> bool:
    try:
        return bool(entry.read_bytes())
    except OSError:
        return False
