"""Any path that a file system takes: as the data directory, in addresses, as files of settings."""

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cli.app import main
from cli.data_dir import DataDir
from cli.runner import embedded
from relay.queues import DRAIN, Hints
from relay.server_address import BadAddress, read_address, socket_address
from relay.settings import Settings
from relay.store import Store
from relay.store.server.connect import connect
from support.parts import SECRET
from workers.worker import work

ODD = [
    b"my data dir",
    b" around ",
    b"100%",
    b"%20%41",
    b"a#b",
    b"a?db=3",
    b"user:pass@host",
    b"a&b=c;d",
    b'it\'s "quoted"',
    b"new\nline",
    b"tab\tand\rreturn",
    "na\u00efve \u6f22 \U0001f600".encode(),
    b"\xff\xfe not text",
    b"-dash",
    b"--port 1",
    b"$HOME `id` \\n",
    b"{a}*[b]~",
]
EVERYTHING = b"-my data% #?@:&='\"\n\t$~\\ \xc3\xbc\xff"
names = st.binary(min_size=1, max_size=90).map(lambda b: b.replace(b"\0", b"0"))


def odd(folder: Path, name: bytes) -> Path:
    return folder / os.fsdecode(name)


@given(names)
def test_a_path_becomes_an_address_and_back(name: bytes) -> None:
    path = Path("/") / os.fsdecode(name)
    address = socket_address(path)
    assert address.isascii()
    assert Settings.from_env({"REDIS_URL": address}, env_file=None).redis_url == address
    assert os.fsencode(read_address(address).path or "") == os.fsencode(path)


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_server_in_an_odd_place_is_reached_and_its_work_done(
    name: bytes, tmp_path: Path, server: embedded.EmbeddedServer
) -> None:
    """A worker reads RQ's queue there too, which looks at the server's list of clients."""
    data = odd(tmp_path, name)
    with embedded.start(data) as running:
        assert embedded.address_of(data) == running.url
        given = {"REDIS_URL": running.url, "CODAT_WEBHOOK_SECRETS": SECRET}
        settings = Settings.from_env(given, env_file=None)
        with connect(running.url) as client:
            Hints(client).drain(3)
            assert client.llen(f"rq:queue:{DRAIN}") == 1
        work(DRAIN, settings, burst=True)
        store = Store.open(settings)
        assert store.client.llen(f"rq:queue:{DRAIN}") == 0
        assert store.time() > 0
        store.client.close()
    assert list(data.rglob("*.aof"))


@pytest.mark.parametrize("name", ["my dir", "na\u00efve", "100%25", "a%20b", "a%0Ab", "%FF"])
def test_a_socket_path_may_hold_plain_characters_where_it_is_clear(name: str) -> None:
    settings = Settings.from_env({"REDIS_URL": f"unix:///run/{name}/s"}, env_file=None)
    assert settings.redis_url == f"unix:///run/{name}/s"


@pytest.mark.parametrize(
    "address",
    [
        "unix:///run/a#b/s",
        "unix:///run/100%/s",
        "unix:///run/a\nb/s",
        "unix:///run/a?b/s",
        "unix://run/s",
        "unix:///" + "x" * 107,
        "unix:///a%00b",
    ],
)
def test_an_address_that_could_mean_another_path_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        read_address(address)


@pytest.mark.parametrize("name", [*ODD, EVERYTHING], ids=ascii)
def test_files_that_settings_name_may_lie_anywhere(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = odd(tmp_path, name)
    folder.mkdir()
    monkeypatch.chdir(folder)
    files = {
        "policy": "[[rules]]\nschedule = { cadence = 'weekly' }\n",
        "brand": "[brand]\nname = 'Harbour'\nlogo = 'logo.svg'\n",
        "logo.svg": "<svg/>",
        "key": "from a file\n",
        ".env": "RELAY_LANES=8\n",
    }
    for file, text in files.items():
        (folder / file).write_text(text)
    for at in (folder, Path()):  # whole, and relative to where we are
        environ = {
            "RELAY_POLICY_FILE": str(at / "policy"),
            "RELAY_BRAND_FILE": str(at / "brand"),
            "CODAT_API_KEY_FILE": str(at / "key"),
            "CODAT_WEBHOOK_SECRETS": SECRET,
            "RELAY_DATA_DIR": str(at / "data"),
        }
        settings = Settings.from_env(environ)
        assert (settings.relay_lanes, settings.api_key) == (8, "from a file")
        from portal.link.words import load

        assert load(settings.relay_brand_file)[0].name == "Harbour"
        shown = CliRunner().invoke(main, ["config", "--json"], env=environ)
        assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize("name", [*ODD, EVERYTHING], ids=ascii)
def test_what_is_made_in_an_odd_place_is_private_and_found_again(
    name: bytes, tmp_path: Path
) -> None:
    here = DataDir(odd(tmp_path, name))
    embedded.make_private(here.path)
    made = here.make_webhook_secret()
    assert DataDir(odd(tmp_path, name)).webhook_secret() == made
    kept = next(here.path.iterdir())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_fault_in_an_odd_place_is_a_sentence(tmp_path: Path) -> None:
    """Bytes that are no text can be written to any terminal or log."""
    file = odd(tmp_path, EVERYTHING)
    file.write_text("")
    shown = CliRunner().invoke(main, ["up"], env={"RELAY_DATA_DIR": str(file)})
    assert shown.exit_code == 2, shown.output
    assert "cannot be made or used" in shown.output
    assert "\\udcff" in shown.output
