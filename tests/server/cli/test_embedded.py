"""The embedded server keeps what it acknowledged, and has its data to itself."""

import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from cli.faults import CannotStart
from cli.runner import embedded, local
from cli.runner.restarts import Restarts
from relay.settings import Settings
from relay.witness import OURS
from support.paths import ROOT

pytestmark = pytest.mark.usefixtures("server")  # skips where no server is to be had


def open_client(running: embedded.EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(running.url)


def test_data_outlives_a_restart(tmp_path: Path) -> None:
    with embedded.start(tmp_path) as first:
        open_client(first).set("kept", "yes")
    with embedded.start(tmp_path) as second:
        assert open_client(second).get("kept") == b"yes"


def test_data_outlives_a_killed_server(tmp_path: Path) -> None:
    with embedded.start(tmp_path) as first:
        open_client(first).set("kept", "yes")
        first.process.kill()
        first.process.wait()
    with embedded.start(tmp_path) as second:
        assert open_client(second).get("kept") == b"yes"


def test_the_server_is_one_the_start_up_check_accepts(tmp_path: Path) -> None:
    from relay.store.server.checks import inspect

    with embedded.start(tmp_path) as running:
        verdict = inspect(open_client(running))
    assert verdict.accepted_risks == ()
    assert not verdict.must_wait


def test_a_second_server_on_the_same_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LOCK_WITHIN", 0.0)
    with (
        embedded.start(tmp_path) as first,
        pytest.raises(CannotStart, match="Another codat-relay is running") as refused,
    ):
        embedded.start(tmp_path)
    assert "\n" not in str(refused.value)
    assert first.process.returncode == 0


def test_only_its_owner_can_reach_the_data_and_the_socket(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with embedded.start(data) as running:
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        socket = Path(running.url.removeprefix("unix://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert open_client(running).config_get("port") == {"port": "0"}


def test_an_existing_directory_keeps_its_mode_its_files_are_private(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    with embedded.start(tmp_path) as running:
        open_client(running).set("kept", "yes")
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
        held = [path for path in tmp_path.rglob("*") if path.name != "lock"]
        assert len(held) >= 4
        assert [path for path in held if path.stat().st_mode & 0o077] == []


def test_a_directory_open_to_all_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(CannotStart, match="Everyone may write"):
        embedded.start(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777
    assert list(tmp_path.iterdir()) == []


def test_a_long_path_gets_a_short_private_socket_that_is_removed(tmp_path: Path) -> None:
    with embedded.start(tmp_path / ("long" * 30)) as running:
        socket = Path(running.url.removeprefix("unix://"))
        assert len(os.fsencode(socket)) <= embedded.MAX_SOCKET_PATH
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert open_client(running).ping()
    assert not socket.parent.exists()


@pytest.mark.parametrize("levels", [1, 2])
def test_a_long_path_for_temporary_files_is_passed_by(
    levels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path.joinpath(*["t" * 60] * levels)
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with embedded.start(tmp_path / ("long" * 30)) as running:
        assert open_client(running).ping()
        socket = Path(running.url.removeprefix("unix://"))
        assert socket.parent.name.startswith(OURS)
    assert not socket.parent.exists()


def test_no_short_place_for_the_socket_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("t" * 90)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(embedded, "SHORT_PLACE", str(folder))
    with pytest.raises(CannotStart, match="RELAY_DATA_DIR to a shorter path"):
        embedded.start(tmp_path / ("long" * 30))


def test_the_address_is_known_while_it_runs_and_no_longer(tmp_path: Path) -> None:
    with embedded.start(tmp_path) as running:
        assert embedded.address_of(tmp_path) == running.url
    assert embedded.address_of(tmp_path) is None


def test_a_server_that_cannot_load_its_data_says_why(tmp_path: Path) -> None:
    with embedded.start(tmp_path) as first:
        open_client(first).set("kept", "yes")
    manifest = next((tmp_path / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n")
    with pytest.raises(CannotStart, match="did not start"):
        embedded.start(tmp_path)


def test_data_without_its_manifest_is_no_first_start(tmp_path: Path) -> None:
    """The server would begin with nothing, and join old and new at the start after that."""
    with embedded.start(tmp_path) as server:
        open_client(server).set("a", "1")
    manifest = tmp_path / embedded.DATA / embedded.MANIFEST
    kept = manifest.read_bytes()
    manifest.unlink()
    for _ in range(2):  # what was refused holds no lock
        with pytest.raises(CannotStart, match=r"holds data but not appendonly\.aof\.manifest"):
            embedded.start(tmp_path)
    manifest.write_bytes(kept)
    with embedded.start(tmp_path) as server:
        assert open_client(server).get("a") == b"1"


def test_what_a_first_start_that_was_killed_left_is_no_data(tmp_path: Path) -> None:
    folder = tmp_path / embedded.DATA
    folder.mkdir()
    (folder / "appendonly.aof.1.base.rdb").write_bytes(b"REDIS0011")
    (folder / "appendonly.aof.1.incr.aof").touch()
    embedded._refuse_without_manifest(folder)
    (folder / "appendonly.aof.2.base.rdb").touch()
    with pytest.raises(CannotStart):
        embedded._refuse_without_manifest(folder)


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom cli.runner import embedded\n"
        "running = embedded.start(Path(sys.argv[1]))\n"
        "print(running.url, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith(b"unix://")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # The old server holds the lock until it has ended, so this start waits for just that.
    with embedded.start(tmp_path) as second:
        assert open_client(second).ping()


def test_nothing_to_run_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotStart, match="REDIS_URL"):
        embedded.find_binary()


SMALL = 32_768  # bytes


@contextmanager
def files_may_hold(running: embedded.EmbeddedServer, size: int) -> Iterator[None]:
    """Let no file of ours or of the server grow past `size`: what a full disk is to it."""
    assert running.process is not None
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_server_that_could_not_write_keeps_all_it_acknowledged(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "DISK_FULL_POLL_SECONDS", 0.0)
    said: list[str] = []
    with embedded.start(tmp_path) as running:
        attend = local.Supervisor(make_settings(), running, said.append, lambda: None)
        attend.restarts = Restarts(0.0)
        client = open_client(running)
        client.set("kept", "x" * (SMALL + 1))
        with files_may_hold(running, SMALL):
            with pytest.raises(redis.RedisError):
                client.set("lost", "y")
            assert running.process is not None
            running.process.wait()
            for _ in range(100):  # far more often than any other death is borne
                attend()
            assert not running.is_alive()
            [why] = said
            assert f"nothing can be written to {tmp_path} (File too large)" in why
        while not running.is_alive():
            attend()
        assert said[-1] == "the embedded server is back"
        assert client.get("kept") == b"x" * (SMALL + 1)
        assert client.set("again", "z")
    with embedded.start(tmp_path):  # the lock was given back at the end, not before
        pass


def test_free_space_is_checked_by_writing(tmp_path: Path) -> None:
    with embedded.start(tmp_path) as running:
        assert running.has_room()
        with files_may_hold(running, SMALL):
            assert not running.has_room()
            assert running.lacks_room() == "File too large"
        assert running.has_room()
        assert running.lacks_room() is None
