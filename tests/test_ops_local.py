"""What is made before the service starts, and what is said when it cannot."""

import ipaddress
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from ops.faults import CannotStart, Failed
from ops.here import Here
from ops.local import Attendant, check_ports, make_secrets, processes
from ops.ports import address_of
from ops.processes import PROCESSES
from ops.restarts import TOO_MANY, Restarts
from relay.settings import Settings

ROOT = Path(__file__).parents[1]
MakeSettings = Callable[..., Settings]
SECRET = "whsec_c2VjcmV0IG9mIGEgZ29vZCBsZW5ndGghIQ=="


def test_the_procfile_lists_the_same_processes() -> None:
    listed = {}
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        listed[name] = command
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
    here = Here(tmp_path / "data")
    made = make_secrets(make_settings(), here)
    assert made["CODAT_WEBHOOK_SECRETS"].startswith("whsec_")
    assert make_secrets(make_settings(), here) == made
    kept = here.data_dir / "webhook-secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_secret_that_is_set_is_not_replaced(make_settings: MakeSettings, tmp_path: Path) -> None:
    assert make_secrets(make_settings(codat_webhook_secrets=SECRET), Here(tmp_path)) == {}
    assert list(tmp_path.iterdir()) == []


def test_another_codat_without_a_secret_is_refused(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    elsewhere = make_settings(codat_api_url="http://127.0.0.1:9")
    with pytest.raises(CannotStart, match="CODAT_WEBHOOK_SECRETS"):
        make_secrets(elsewhere, Here(tmp_path))


@dataclass
class FailingServer:
    """Stands in for an embedded server whose process ends as soon as it is launched."""

    log: Path = Path("valkey.log")
    launched: int = 0

    @property
    def process(self) -> "FailingServer":
        return self

    def poll(self) -> int:
        return 1

    def launch(self) -> None:
        self.launched += 1


def test_an_embedded_server_that_keeps_ending_stops_everything(
    make_settings: MakeSettings,
) -> None:
    server, said = FailingServer(), []
    settings = make_settings(port=_free_port(), sandbox_port=_free_port())
    attend = Attendant(settings, server, said.append, lambda: None)  # type: ignore[arg-type]
    attend.restarts = Restarts(0.0)
    for _ in range(2 * (TOO_MANY - 1)):
        attend()
    with pytest.raises(Failed, match=r"keeps ending; see valkey\.log"):
        attend()
    assert server.launched == len(said) == TOO_MANY - 1


def test_all_is_announced_once_and_only_when_it_is_ready(make_settings: MakeSettings) -> None:
    announced: list[str] = []
    settings = make_settings(port=_free_port(), sandbox_port=_free_port())
    attend = Attendant(settings, None, announced.append, lambda: announced.append("ready"))
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
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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
