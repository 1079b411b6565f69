"""Every setting, however editors, shells and platforms wrap it: meant as written, or a fault."""

import os
import re
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cli.app import main
from relay.environment import Kind, near
from relay.settings import BadSettings, Settings, _kinds
from support.parts import OTHER_SECRET, SECRET

KINDS = _kinds()
TOKEN = "ops:operate:0123456789abcdef"
CANARY = "canary-3f9c1d7ab04e"
WHOLE = {
    "REDIS_URL": "unix:///run/my%20dir/redis.sock",
    "RELAY_ACCEPT_RISKS": "fsync,eviction",
    "CODAT_API_KEY": "key",
    "CODAT_API_URL": "https://codat.test",
    "CODAT_API_GENERATION": "classic",
    "CODAT_CLIENT_ID": "8a210b68-6988-11ed-a1eb-0242ac120002",
    "CODAT_WEBHOOK_SECRETS": f"{SECRET},{OTHER_SECRET}",
    "CODAT_LEGACY_AUTHORIZATION": "Bearer shared one,other",
    "RELAY_TOKENS": f"{TOKEN},web:view:{'x' * 16}",
    "RELAY_PUBLIC_URL": "https://relay.test",
    "RELAY_LINK_HOSTS": "codat.test,*.codat.test",
    "RELAY_PLACEHOLDER_PATTERN": "Session [0-9]+",
    "RELAY_NAME_ORDER": "companyLegalName,companyName",
    "RELAY_DEFAULT_CADENCE": "weekly",
    "RELAY_RECONCILE_AT": "04:30",
    "RELAY_LOG_TYPE_DAYS": "webhook.*=60",
    "RELAY_REDACT_FIELDS": "name,email",
    "RELAY_PRIVATE_NETWORKS": "10.1.0.0/16",
    "RELAY_TRUSTED_PROXIES": "127.0.0.1/32",
    "RELAY_LOG_LEVEL": "debug",
    "RELAY_REPLICAS_TO_WAIT": "2",
    "HOST": "::1",
    "SANDBOX_API_KEY": "sandbox key",
}
WRAPS = ["\ufeff{}", "{}\n", "{}\r", "{}\r\n", " {} ", "\t{}", "{}\u00a0", "\ufeff{}\r\n", "{}\n\n"]
QUOTED = ['"{}"', "'{}'", "`{}`", "\u201c{}\u201d", ' "{}" ']
BESIDE = {"CODAT_API_KEY": {"CODAT_WEBHOOK_SECRETS": SECRET}}


def value_of(name: str, tmp_path: Path) -> str:
    if name == "RELAY_POLICY_FILE":
        path = tmp_path / "policy.toml"
        path.write_text("[[rules]]\nschedule = { cadence = 'daily' }\n")
        return str(path)
    if KINDS[name] is Kind.PATH:
        return str(tmp_path / "a path")
    return WHOLE.get(name, "21")


def read(environ: dict[str, str], env_file: Path | None = None) -> Settings:
    return Settings.from_env(environ, env_file=env_file)


def faults(environ: dict[str, str], env_file: Path | None = None) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        read(environ, env_file)
    return caught.value.faults


@pytest.mark.parametrize("name", KINDS)
def test_what_stands_around_a_value_does_not_count(name, tmp_path):
    value, beside = value_of(name, tmp_path), BESIDE.get(name, {})
    meant = getattr(read({name: value, **beside}), name.lower())
    assert meant != Settings.model_fields[name.lower()].default
    for wrap in WRAPS:
        wrapped, file = wrap.format(value), tmp_path / "held"
        file.write_text(wrapped, newline="")
        assert getattr(read({f"{name}_FILE": str(file), **beside}), name.lower()) == meant
        if KINDS[name] is not Kind.PATH:  # a path may hold anything, so it is taken as it stands
            assert getattr(read({name: wrapped, **beside}), name.lower()) == meant, wrap


@pytest.mark.parametrize("name", KINDS)
def test_quotes_that_would_be_part_of_a_value_are_a_fault(name, tmp_path):
    """As `docker run --env-file` passes them on; in `.env` they are taken off."""
    value, beside = value_of(name, tmp_path), BESIDE.get(name, {})
    value = "relative" if KINDS[name] is Kind.PATH else value
    for quoted in QUOTED if KINDS[name] is not Kind.PATH else QUOTED[:3]:
        [fault] = faults({name: quoted.format(value), **beside})
        assert fault.startswith(f"{name}: stands in quotes")
    if name != "RELAY_POLICY_FILE":
        env_file = tmp_path / ".env"
        env_file.write_text(f'{name}="{value}"\n')
        assert getattr(read(beside, env_file), name.lower()) is not None


@pytest.mark.parametrize("name", KINDS)
def test_a_control_character_within_a_value_is_a_fault(name, tmp_path):
    value, beside = value_of(name, tmp_path), BESIDE.get(name, {})
    file = tmp_path / "held"
    for control in "\0\x01\x1b\x7f":
        half = len(value) // 2
        broken = value[:half] + control + value[half:]
        if KINDS[name] is not Kind.PATH:
            found = faults({name: broken, **beside})
            assert len(found) == 1
            assert found[0].startswith(f"{name}: ")
            assert "control character" in found[0]
        file.write_text(broken)
        if control == "\0":
            [fault] = faults({f"{name}_FILE": str(file), **beside})
            assert "zero byte" in fault


@pytest.mark.parametrize("name", KINDS)
def test_a_value_of_spaces_is_a_fault_and_an_empty_one_is_unset(name):
    for blank in (" ", "\n", "\ufeff", "\t \r\n"):
        [fault] = faults({name: blank})
        assert fault == f"{name}: holds nothing but spaces"
    assert read({name: ""}) == read({})


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_holds_no_value_is_a_fault_by_its_name(name, tmp_path):
    value = value_of(name, tmp_path)
    cases: list[tuple[bytes | None, str]] = [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (value.encode("utf-16"), "UTF-16"),
        (value.encode("utf-32"), "UTF-16"),
        (value.encode("utf-16-le"), "zero byte"),
        (b"\xff" + value.encode(), "is not UTF-8 text"),
        (None, "cannot be read"),
    ]
    for content, said in cases:
        path = tmp_path / "held"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        [fault] = faults({f"{name}_FILE": str(path)})
        assert fault.startswith(f"{name}_FILE: {path} ")
        assert said in fault
    [fault] = faults({f"{name}_FILE": str(tmp_path)})
    assert "Is a directory" in fault


@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.text(max_size=40), max_size=6))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_are_read_or_refused_by_name(values):
    """Never another error, and never one fault that hides another setting's."""
    try:
        read(values)
    except BadSettings as error:
        told = {fault.partition(":")[0] for fault in error.faults}
        assert told <= {*values, "CODAT_WEBHOOK_SECRETS"}
        alone = set()
        for name, value in values.items():
            try:
                read({name: value, **(BESIDE.get(name, {}))})
            except BadSettings:
                alone.add(name)
        assert alone <= told


ENV_LINES = [
    ("CODAT_API_KEY: abc", "line 1: must read NAME=value"),
    ("CODAT_API_KEY:abc", "line 1: must read NAME=value"),
    ("CODAT_API_KEY abc", "line 1: must read NAME=value"),
    ("CODAT_API_KEY", "line 1: must read NAME=value"),
    ('CODAT_API_KEY="abc', "line 1: must read NAME=value"),
    ("CODAT_API_KEY='abc\nPORT=9000", "line 1: must read NAME=value"),
    ('CODAT_API_KEY="abc\nPORT="9000"', "line 1: must read NAME=value"),
    ('CODAT_API_KEY="abc" and more', "line 1: must read NAME=value"),
    ("# ours\n\n- CODAT_API_KEY=abc", "line 3: must read NAME=value"),
    ("set CODAT_API_KEY=abc", "line 1: must read NAME=value"),
    ('"CODAT_API_KEY"=abc', "line 1: must read NAME=value"),
    ("=abc", "line 1: must read NAME=value"),
    ("CODAT-API-KEY=abc", "line 1: must read NAME=value"),
    ("CODAT_API_KEY=${NOT_SET}", "line 1: CODAT_API_KEY refers by ${} to what is not set"),
    ("CODAT_API_KEY='ab${cd}ef'", "line 1: CODAT_API_KEY refers by ${} to what is not set"),
    ("CODAT_API_URL=https://${REGION}.codat.io", "CODAT_API_URL refers by ${} to what is not"),
    ("REGION=\nCODAT_API_URL=https://${REGION}.codat.io", "line 2: CODAT_API_URL refers by"),
    ("HOST=::1\nPORT=8000\nHOST=::", "line 3: HOST is set on line 1 too; keep one of them"),
    ("RELAY_DATA_DIR=~/.relay", "RELAY_DATA_DIR: begins with ~, which only a shell replaces"),
    ("SANDBOX_API_KEY=Basic: abc", "SANDBOX_API_KEY: must be the bare key"),
    ("SANDBOX_API_KEY=Authorization: Basic abc", "SANDBOX_API_KEY: must be the bare key"),
    ("CODAT_APIKEY=abc", "CODAT_APIKEY is not a setting; the nearest that is known is CODAT_API"),
    ("codat_api_key=abc", "the nearest that is known is CODAT_API_KEY"),
    ("CODAT_KEY=abc", "CODAT_KEY is not a setting"),
    ("RELAY_TOKEN=abc", "the nearest that is known is RELAY_TOKENS"),
    ("REDIS_ULR=redis://x", "the nearest that is known is REDIS_URL"),
    ("CODAT_API_KEY_FIEL=/x", "the nearest that is known is CODAT_API_KEY_FILE"),
    ("PROT=9000", "the nearest that is known is PORT"),
    ("RELAY_SOMETHING_ELSE_ALTOGETHER=1", "is not a setting"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "said"), ENV_LINES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_line_that_sets_nothing_is_a_fault(tmp_path, lines, said, ends):
    """Passed over, it would mean that there is no key, and the sandbox would be started."""
    env_file = tmp_path / ".env"
    env_file.write_text((lines + "\n").replace("\n", ends), newline="")
    found = faults({}, env_file)
    assert len(found) == 1
    assert said in found[0]
    assert "abc" not in found[0]


def test_an_env_file_with_a_quote_over_several_lines_is_a_fault(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text('SANDBOX_API_KEY="abc\nRELAY_LANES=8\nRELAY_LOG_LEVEL="\n')
    [fault] = faults({}, env_file)
    assert fault.startswith("SANDBOX_API_KEY: holds a line break")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_an_env_file_of_any_editor_is_read(tmp_path, mark, ends):
    text = (
        "# ours\nCODAT_API_KEY='k'\nexport CODAT_WEBHOOK_SECRETS = %s # it\n\nCOMPOSE_X=1\nPORT=9"
    )
    env_file = tmp_path / ".env"
    env_file.write_bytes(mark + (text % SECRET).replace("\n", ends).encode())
    settings = read({}, env_file)
    assert (settings.api_key, settings.port) == ("k", 9)


@pytest.mark.parametrize("content", ["A=1".encode("utf-16"), b"PORT=1\xff", b"PORT=1\0"])
def test_an_env_file_that_is_not_text_is_a_fault(tmp_path, content):
    env_file = tmp_path / ".env"
    env_file.write_bytes(content)
    [fault] = faults({}, env_file)
    assert "save" in fault


def test_an_env_file_that_leads_nowhere_or_is_a_folder_is_a_fault(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    for name in ("gone", "folder"):
        [fault] = faults({}, tmp_path / name)
        assert "cannot be read" in fault


def test_a_pipe_is_read_and_not_waited_for_without_end(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        pipe.write_text("abc\n")

    for wanted in ("abc", None):
        if wanted is None:
            monkeypatch.setattr("relay.files.READ_TIMEOUT", 0.01)
        else:
            threading.Thread(target=write, daemon=True).start()
        given = {"CODAT_API_KEY_FILE": str(pipe), **BESIDE["CODAT_API_KEY"]}
        if wanted:
            assert read(given).api_key == wanted
        else:
            assert faults(given) == [
                f"CODAT_API_KEY_FILE: {pipe} is a pipe into which nobody writes"
            ]
            assert faults({}, pipe) == [f"{pipe} is a pipe into which nobody writes"]


def test_what_is_empty_in_the_environment_does_not_hide_the_env_file(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=9000\n")
    assert read({"PORT": ""}, env_file).port == 9000


def test_env_file_references_resolve_and_empty_values_undo_nothing(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text(
        "NAME=relay\nRELAY_PUBLIC_URL=https://${NAME}.${ZONE}/${NONE:-a}\nPORT=9000\nPORT=\n"
        "CODAT_API_URL=https://${NONE}\nHOST=::1\nHOST='::1'\n"
    )
    settings = read({"ZONE": "test", "NONE": "", "CODAT_API_URL": "https://c.test"}, env_file)
    assert (settings.relay_public_url, settings.port) == ("https://relay.test/a", 9000)
    assert settings.codat_api_url == "https://c.test"


def test_all_faults_of_all_places_come_at_once(tmp_path):
    env_file, blank = tmp_path / ".env", tmp_path / "blank"
    env_file.write_text("CODAT_API_KEY: abc\nRELAY_LANES=many\n")
    blank.write_text("\n")
    given = {
        "PORT": '"80"',
        "RELAY_TOKENS_FILE": str(blank),
        "HOST": "a b",
        "RELAY_DATA_DIR": "x\r",
    }
    told = "\n".join(faults(given, env_file))
    for name in (
        "line 1",
        "RELAY_LANES:",
        "PORT:",
        "RELAY_TOKENS_FILE:",
        "HOST:",
        "RELAY_DATA_DIR",
    ):
        assert told.count(name) == 1


WRONG = [
    ({"CODAT_API_KEY": "Basic abc="}, "the bare key"),
    ({"CODAT_API_KEY": "cl\u00e9"}, "visible ASCII"),
    ({"CODAT_API_KEY": "one\ntwo"}, "line break"),
    ({"CODAT_API_KEY": '"abc'}, "begins or ends with a quote"),
    ({"RELAY_TOKENS": ","}, "names no token"),
    ({"RELAY_TOKENS": '"ops:operate:0123456789abcdef,x:view:0123456789abcdef'}, "quote"),
    ({"HOST": "127.0.0.1:8000"}, "without a port"),
    ({"HOST": "http://localhost"}, "without a port"),
    ({"HOST": "*"}, "0.0.0.0 is all of them"),
    ({"HOST": "[::1"}, "without a port"),
    ({"HOST": "-x"}, "without a port"),
    ({"RELAY_RETRY_SECONDS": "inf"}, "less than or equal"),
    ({"RELAY_RETRY_SECONDS": "nan"}, "should be"),
    ({"RELAY_CODAT_TIMEOUT": "1e400"}, "less than or equal"),
    ({"RELAY_CALLS_PER_MINUTE": "9" * 30}, "less than or equal"),
    ({"WEB_PROCESSES": "100000"}, "less than or equal"),
    ({"RELAY_PUBLIC_URL": "https://relay.test/?a=b"}, "without spaces, ? and #"),
    ({"CODAT_API_URL": "https://codat.test/a b"}, "without spaces, ? and #"),
    ({"CODAT_API_URL": "https://user:word@codat.test"}, "without a user and password"),
    ({"RELAY_PUBLIC_URL": "https://user@relay.test"}, "without a user and password"),
    ({"RELAY_PUBLIC_URL": "https://relay.test:0"}, "port is not 0"),
    ({"CODAT_API_KEY": "CODAT_API_KEY=abc"}, "holds its own name"),
    ({"CODAT_WEBHOOK_SECRETS": f"export CODAT_WEBHOOK_SECRETS={SECRET}"}, "holds its own name"),
    ({"RELAY_TOKENS": f"relay_tokens: {TOKEN}"}, "holds its own name"),
    ({"PORT": "PORT = 8000"}, "holds its own name"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_values_that_cannot_be_meant_are_refused(given, said):
    [name] = given
    [fault] = faults({**given, **BESIDE.get(name, {})})
    assert fault.startswith(f"{name}: ")
    assert said in fault


@pytest.mark.parametrize(
    ("host", "kept"),
    [("localhost", "localhost"), ("[::1]", "::1"), ("::", "::"), ("my-host.local", None)],
)
def test_hosts_are_addresses_or_names(host, kept):
    assert read({"HOST": host}).host == (kept or host)


def test_a_list_may_have_an_entry_a_line(tmp_path):
    file = tmp_path / "tokens"
    file.write_bytes(f"\ufeff{TOKEN}\r\nweb:view:{'x' * 16}\r\n".encode())
    assert len(read({"RELAY_TOKENS_FILE": str(file)}).relay_tokens) == 2


def test_a_path_is_taken_as_it_stands():
    for path in ("a b ", " x", "1%/#?@:&", "new\nline", "-x", "/'quoted'", "\u00fc", "\udcff"):
        assert read({"RELAY_DATA_DIR": path}).relay_data_dir == Path(path)


MISTYPED = [
    ("RELAY_TOKNES", "RELAY_TOKENS"),
    ("RELAY_TOKENS_FIEL", "RELAY_TOKENS_FILE"),
    ("CODAT_WEBHOOK_SECRET", "CODAT_WEBHOOK_SECRETS"),
    ("CODAT_APIKEY", "CODAT_API_KEY"),
    ("CODATAPI_KEY", "CODAT_API_KEY"),
    ("REDIS_ULR", "REDIS_URL"),
    ("redis_url", "REDIS_URL"),
    ("SANDBOX-PORT", "SANDBOX_PORT"),
    ("WEB_THREAD", "WEB_THREADS"),
    ("RELAY_LOGLEVEL", "RELAY_LOG_LEVEL"),
    ("RELAY_XYZZY", None),
]


@pytest.mark.parametrize(("name", "meant"), MISTYPED)
def test_a_mistyped_name_is_found_with_the_one_meant(name, meant):
    assert Settings.unread({name: "1"}) == {name: meant}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "1") for name in KINDS),
        *((f"{name}_FILE", "1") for name in KINDS),
        ("RELAY_TOKEN", "1"),
        *((name, "1") for name in ("HOSTNAME", "PATH", "HOME", "SHELL", "PORTS", "LOGNAME")),
        *((name, "1") for name in ("REDIS_HOST", "REDIS_TLS_URL", "WEB_CONCURRENCY")),
        ("RELAY_SERVICE_HOST", "10.0.0.1"),
        ("CODAT_RELAY_SERVICE_PORT_HTTP", "80"),
        ("CODAT_RELAY_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("RELAY_PORT", "tcp://10.0.0.1:80"),
    ],
)  # fmt: skip
def test_names_of_ours_and_of_others_are_left_alone(name, value):
    assert Settings.unread({name: value}) == {}


def test_the_nearest_name_is_a_letter_or_two_away():
    assert near("RELAY_LANE", ["RELAY_LANES", "RELAY_LOG_LEVEL"]) == "RELAY_LANES"
    assert near("COMPOSE_PROJECT", list(KINDS)) is None


@pytest.mark.parametrize("words", [("config", "--json"), ("doctor", "--url", "http://127.0.0.1:9")])
def test_a_mistyped_name_is_shown_where_settings_are(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(
        main, words, env={"RELAY_TOKNES": CANARY, "REDIS_URL": "redis://127.0.0.1:9"}
    )
    text = re.sub(r"\s+", " ", shown.output)
    assert "RELAY_TOKNES is not a setting; the nearest that is known is RELAY_TOKENS" in text
    assert CANARY not in text
