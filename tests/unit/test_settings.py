"""Settings come from the environment, `.env` and secret files; all faults are told at once."""

import re
import traceback
from pathlib import Path

import pytest

from relay.settings import BadSettings, Settings
from support.parts import OTHER_SECRET, SECRET, SHARED

CANARY = "canary-3f9c1d7ab04e"
TOKEN = "ops:operate:0123456789abcdef"
GENUINE = {"CODAT_API_KEY": "key", "CODAT_WEBHOOK_SECRETS": SECRET}


def read(environ=None, env_file=None, **more):
    return Settings.from_env({**(environ or {}), **more}, env_file=env_file)


def faults(environ=None, **more):
    with pytest.raises(BadSettings) as caught:
        read(environ, **more)
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


def test_nothing_set_means_the_sandbox_and_a_server_of_our_own():
    settings = read()
    assert settings.uses_sandbox
    assert settings.redis_url is None
    assert (settings.api_url, settings.api_key) == ("http://127.0.0.1:8001", "sandbox")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.relay_lanes == 64
    assert settings.relay_name_order == ("companyName", "companyLegalName")
    assert settings.relay_dedupe_days >= 14


def test_a_key_means_codat():
    settings = read(GENUINE)
    assert not settings.uses_sandbox
    assert (settings.api_url, settings.api_key) == ("https://api.codat.io", "key")


def test_an_address_alone_means_a_stand_in_elsewhere():
    settings = read(CODAT_API_URL="http://codat.test:9/", SANDBOX_API_KEY="theirs")
    assert not settings.uses_sandbox
    assert (settings.api_url, settings.api_key) == ("http://codat.test:9", "theirs")


def test_sandbox_ports_are_read_and_trailing_slashes_dropped():
    settings = read(PORT="9000", RELAY_PUBLIC_URL="https://relay.test/")
    assert (settings.sandbox_at, settings.public_url) == (9001, "https://relay.test")
    assert read(SANDBOX_PORT="7").sandbox_at == 7


def test_lists_are_split_at_commas():
    settings = read(
        CODAT_WEBHOOK_SECRETS=f" {SECRET},{OTHER_SECRET} ,",
        CODAT_LEGACY_AUTHORIZATION=SHARED,
        RELAY_TOKENS=f"{TOKEN},web:view:{'x' * 16}",
        RELAY_ACCEPT_RISKS="fsync, eviction",
    )
    held = [secret.get_secret_value() for secret in settings.codat_webhook_secrets]
    assert held == [SECRET, OTHER_SECRET]
    assert [a.get_secret_value() for a in settings.codat_legacy_authorization] == [SHARED]
    assert len(settings.relay_tokens) == 2
    assert settings.relay_accept_risks == ("fsync", "eviction")


def test_what_is_set_empty_counts_as_unset():
    assert read(PORT="", CODAT_API_KEY="", REDIS_URL="", RELAY_LANES="") == read()


def test_settings_are_not_ours_unless_we_name_them():
    assert read(HOME="/nowhere", PATH="x", NO_SUCH_SETTING="1") == read()


WRONG = [
    ("REDIS_URL", "http://localhost", "must start with one of"),
    ("REDIS_URL", "localhost:6379", "not an address"),
    ("REDIS_URL", "redis://localhost:port", "port is not a number"),
    ("REDIS_URL", "redis://localhost?pasword=x", "the nearest that is known is password"),
    ("RELAY_REPLICAS_TO_WAIT", "most", "must be a number up to 9, or all"),
    ("RELAY_LANES", "0", "greater than or equal to 1"),
    ("RELAY_LANES", "many", "integer"),
    ("RELAY_ACCEPT_RISKS", "fsync,fire", "does not know fire"),
    ("CODAT_API_URL", "ftp://codat.test", "http:// or https://"),
    ("CODAT_API_URL", "https://", "http:// or https://"),
    ("CODAT_API_URL", "https://codat.test:99999", "not an address"),
    ("CODAT_API_GENERATION", "future", "'current' or 'classic'"),
    ("CODAT_WEBHOOK_SECRETS", "not a secret", ""),
    ("CODAT_WEBHOOK_SECRETS", f"{SECRET},whsec_short", ""),
    ("RELAY_TOKENS", "ops:0123456789abcdef", "name:role:token"),
    ("RELAY_TOKENS", ":view:0123456789abcdef", "name:role:token"),
    ("RELAY_TOKENS", "ops:admin:0123456789abcdef", "view or operate"),
    ("RELAY_TOKENS", f"{TOKEN},web:view:short", "entry 2"),
    ("RELAY_PUBLIC_URL", "relay.test", "http:// or https://"),
    ("RELAY_LINK_HOSTS", "*.codat.io,https://codat.io", "entry 2 must be a host"),
    ("RELAY_LINK_HOSTS", "*", "entry 1 must be a host"),
    ("RELAY_PLACEHOLDER_PATTERN", "(", "not a regular expression"),
    ("RELAY_NAME_ORDER", "companyName,tradingName", "companyName and companyLegalName"),
    ("RELAY_NAME_ORDER", ",", "companyName and companyLegalName"),
    ("RELAY_DEFAULT_CADENCE", "yearly", "input should be 'hourly', 'daily',"),
    ("RELAY_POLICY_FILE", "/no/such/policy.toml", "cannot be read (No such file"),
    ("RELAY_DEDUPE_DAYS", "13", "greater than or equal to 14"),
    ("RELAY_MESSAGE_DAYS", "0", "greater than or equal to 1"),
    ("RELAY_CALLS_PER_MINUTE", "0", "greater than or equal to 1"),
    ("RELAY_LINK_RESERVE", "501", "less than or equal to 500"),
    ("RELAY_WORKER_THREADS", "0", "greater than or equal to 1"),
    ("CODAT_CLIENT_ID", "acme", "must be an id of 32 digits"),
    ("RELAY_WEBHOOK_SOURCE", "a/b", "must be up to 64 letters, digits, _ and -"),
    ("RELAY_RECONCILE_AT", "24:00", "must be a time of day such as 03:30, or never"),
    ("RELAY_RECONCILE_PAGE_SIZE", "5001", "less than or equal to 5000"),
    ("RELAY_SILENCE_MINUTES", "0", "greater than or equal to 1"),
    ("RELAY_RETRY_SECONDS", "0", "greater than 0"),
    ("RELAY_CODAT_TIMEOUT", "-1", "greater than 0"),
    ("RELAY_LOG_LEVEL", "INFO", "; the nearest is info"),
    ("RELAY_DEFAULT_CADENCE", "dayly", "; the nearest is daily"),
    ("CODAT_API_GENERATION", "curent", "; the nearest is current"),
    ("RELAY_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ("PORT", "65536", "less than or equal to 65535"),
    ("WEB_PROCESSES", "0", "greater than or equal to 1"),
    ("RELAY_STREAMS", "-1", "greater than or equal to 0"),
    ("RELAY_LINK_STREAMS", "-1", "greater than or equal to 0"),
    ("RELAY_STREAMS_PER_TOKEN", "0", "greater than or equal to 1"),
    ("RELAY_LOG_DAYS", "0", "greater than or equal to 1"),
    ("RELAY_LOG_HARD_DAYS", "0", "greater than or equal to 1"),
    ("RELAY_LOG_TYPE_DAYS", "webhook.*=30,x", "x does not read type=days"),
    ("RELAY_PRIVATE_NETWORKS", "10.0.0.0/99", "is not a network such as 10.1.0.0/16"),
    ("RELAY_TRUSTED_PROXIES", "localhost", "is not a network such as 10.1.0.0/16"),
    ("RELAY_REQUEST_SECONDS", "0", "greater than or equal to 1"),
    ("RELAY_SUBSCRIBER_DAYS", "0", "greater than or equal to 1"),
    ("WEB_THREADS", "1", "greater than or equal to 2"),
    ("SANDBOX_PORT", "-1", "greater than or equal to 0"),
]


def test_a_policy_file_that_is_no_policy_is_refused(tmp_path):
    path = written(tmp_path / "policy.toml", '[[rules]]\ndata_type = "gossip"\n')
    [fault] = faults(RELAY_POLICY_FILE=str(path))
    assert fault.startswith(f"RELAY_POLICY_FILE: cannot be used: {path} line 2 rules.0.data_type: ")
    assert "must be `all`" in fault


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_setting_is_refused_by_name(name, value, said):
    [fault] = faults({name: value})
    assert fault.startswith(f"{name}: ")
    assert said in fault


def test_every_setting_that_can_be_wrong_is_tried():
    free = {"CODAT_API_KEY", "CODAT_LEGACY_AUTHORIZATION", "SANDBOX_API_KEY"}
    free |= {"RELAY_DATA_DIR", "RELAY_REDACT_FIELDS", "HOST", "RELAY_BRAND_FILE"}
    assert {name.upper() for name in Settings.model_fields} == free | {name for name, *_ in WRONG}


def test_all_faults_come_in_one_message(tmp_path):
    missing = tmp_path / "missing"
    found = faults(
        CODAT_API_KEY="key",
        PORT="none",
        RELAY_LANES="0",
        RELAY_TOKENS="x",
        SANDBOX_API_KEY_FILE=str(missing),
    )
    names = {fault.partition(":")[0] for fault in found}
    assert names == {
        "CODAT_WEBHOOK_SECRETS",
        "PORT",
        "RELAY_LANES",
        "RELAY_TOKENS",
        "SANDBOX_API_KEY_FILE",
    }
    assert len(found) == len(names)


@pytest.mark.parametrize("secrets", [None, "", " , "])
def test_a_codat_key_without_a_way_to_prove_webhooks_is_refused(secrets):
    environ = {"CODAT_API_KEY": "key"}
    if secrets is not None:
        environ["CODAT_WEBHOOK_SECRETS"] = secrets
    [fault] = faults(environ)
    assert fault.startswith("CODAT_WEBHOOK_SECRETS: is needed with CODAT_API_KEY")


@pytest.mark.parametrize("name", ["CODAT_WEBHOOK_SECRETS", "CODAT_LEGACY_AUTHORIZATION"])
def test_either_way_to_prove_webhooks_will_do(name):
    value = SECRET if name == "CODAT_WEBHOOK_SECRETS" else SHARED
    assert read({"CODAT_API_KEY": "key", name: value}).api_key == "key"


def written(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_a_secret_may_lie_in_a_file(tmp_path):
    settings = read(
        CODAT_API_KEY_FILE=written(tmp_path / "key", "from a file\n"),
        CODAT_WEBHOOK_SECRETS_FILE=written(tmp_path / "secrets", f"{SECRET},\n{OTHER_SECRET}\n"),
        RELAY_TOKENS_FILE=written(tmp_path / "tokens", TOKEN),
    )
    assert settings.api_key == "from a file"
    assert len(settings.codat_webhook_secrets) == 2
    assert settings.relay_tokens[0].get_secret_value() == TOKEN


def test_a_secret_given_twice_is_refused(tmp_path):
    path = written(tmp_path / "key", "from a file")
    [fault] = faults(GENUINE, CODAT_API_KEY_FILE=path)
    assert fault.startswith("CODAT_API_KEY: is set, and CODAT_API_KEY_FILE too")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"\xff\xfe", "is UTF-16"), (" \n", "is empty")]
)
def test_a_secret_file_without_a_secret_is_refused(tmp_path, content, said):
    """Passed over, a key that was meant for Codat would start the sandbox instead."""
    path = tmp_path / "key"
    if content is not None:
        written(path, content)
    [fault] = faults(CODAT_API_KEY_FILE=str(path))
    assert fault.startswith(f"CODAT_API_KEY_FILE: {path} ")
    assert said in fault


def test_the_environment_goes_before_the_env_file(tmp_path):
    env_file = tmp_path / ".env"
    written(env_file, "# ours\nPORT=9000\nRELAY_LANES=8\nexport RELAY_LOG_LEVEL='debug'\n")
    settings = read({"PORT": "9001"}, env_file=env_file)
    assert (settings.port, settings.relay_lanes, settings.relay_log_level) == (9001, 8, "debug")


def test_an_env_file_need_not_be_there(tmp_path):
    assert read(env_file=tmp_path / ".env") == read()


def test_an_env_file_that_is_not_text_is_refused(tmp_path):
    path = written(tmp_path / ".env", b"PORT=9000\xff\n")
    with pytest.raises(BadSettings, match=re.escape(f"{path} line 1: is not UTF-8 text")):
        read(env_file=path)


def test_the_process_environment_is_read_when_no_other_is_given(monkeypatch):
    monkeypatch.setenv("PORT", "9002")
    assert Settings.from_env(env_file=None).port == 9002


SECRETS = {
    "REDIS_URL": f"redis://user:{CANARY}@localhost:6379/0",
    "CODAT_API_KEY": CANARY,
    "CODAT_WEBHOOK_SECRETS": "whsec_" + (CANARY.replace("-", "+") * 2)[:32],
    "CODAT_LEGACY_AUTHORIZATION": CANARY,
    "RELAY_TOKENS": f"ops:view:{CANARY}",
    "SANDBOX_API_KEY": CANARY,
}
TRACES = (CANARY, CANARY.replace("-", "+"))


def test_secrets_show_in_no_representation_of_the_settings():
    settings = read(SECRETS)
    shown = f"{settings!r} {settings} {settings.codat_webhook_secrets} {settings.__repr_args__()}"
    assert not any(trace in shown for trace in TRACES)


WRONG_SECRETS = {
    "REDIS_URL": f"redis://:{CANARY}/@localhost:port",
    "CODAT_WEBHOOK_SECRETS": f"{SECRET},whsec_{CANARY}",
    "RELAY_TOKENS": f"ops:admin:{CANARY}",
    "CODAT_API_URL": f"ftp://user:{CANARY}@codat.test",
}


@pytest.mark.parametrize("name", WRONG_SECRETS)
def test_secrets_show_in_no_error_or_trace(name):
    with pytest.raises(BadSettings) as caught:
        read({**SECRETS, name: WRONG_SECRETS[name], "PORT": "none"})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert f"{name}: " in shown
    assert not any(trace in shown for trace in TRACES)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://user:password@redis.test:6380/1",
        "unix:///run/redis.sock",
        "redis+sentinel://one.test:26379,two.test:26379/mymaster/0",
        "rediss+sentinel://:password@one.test/mymaster",
    ],
)
def test_every_way_to_reach_a_server_is_understood(url):
    assert read(REDIS_URL=url).redis_url == url
