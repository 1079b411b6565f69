"""The command line: help for all of it, one sentence and a code for every expected fault."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import redis
from click.testing import CliRunner, Result

from cli.app import faults_explained, main
from cli.faults import UNREACHABLE
from codat import signature
from support.paths import ROOT

SECRET = "whsec_c2VjcmV0IG9mIGEgZ29vZCBsZW5ndGghIQ=="
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(autouse=True)
def _away_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env`, no data directory, no setting but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("RELAY_", "CODAT_", "REDIS_", "SANDBOX_")) or name in ("PORT", "HOST"):
            monkeypatch.delenv(name)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def commands() -> list[tuple[str, ...]]:
    """Every command there is, as typed."""
    context = click.Context(main)
    found: list[tuple[str, ...]] = [()]
    for name in main.list_commands(context):
        found.append((name,))
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    usage, _, rest = result.output.partition("\n")
    assert usage.startswith("Usage:")
    explained = rest.strip().partition("Options:")[0]
    assert len(explained.split()) >= 4, explained


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert version("codat-relay") in run("--version").output


def test_help_does_not_load_what_a_command_needs() -> None:
    program = (
        "import sys; from cli.app import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('granian', 'flask', 'rq.worker', 'apscheduler') if m in sys.modules])"
    )
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert run("fly").exit_code == 2


def test_all_wrong_settings_are_named_in_one_message() -> None:
    result = run("worker", "drain", PORT="http", RELAY_LANES="0", REDIS_URL="mysql://x")
    assert result.exit_code == 2
    assert result.stdout == ""
    for name in ("PORT", "RELAY_LANES", "REDIS_URL"):
        assert result.stderr.count(f"{name}:") == 1
    assert "Traceback" not in result.stderr


def test_a_key_without_a_way_to_prove_webhooks_does_not_start() -> None:
    result = run("up", CODAT_API_KEY="secret-key")
    assert result.exit_code == 2
    assert "CODAT_WEBHOOK_SECRETS" in result.stderr
    assert "secret-key" not in result.output + result.stderr


@pytest.mark.parametrize("command", ["up", "web"])
def test_a_wrong_brand_file_is_refused_with_every_fault(tmp_path, command) -> None:
    brand = tmp_path / "brand.toml"
    brand.write_text('[brand]\ncolour = "red"\n[words.de.pick]\ntitel = "Welche?"\n')
    secret = "whsec_c2VjcmV0IG9mIGEgZ29vZCBsZW5ndGghIQ=="
    result = run(command, RELAY_BRAND_FILE=str(brand), CODAT_WEBHOOK_SECRETS=secret)
    assert result.exit_code == 2
    assert "brand.colour: must look like" in result.output
    assert "words.de.pick.titel: there is no such text" in result.output


def test_no_server_is_one_sentence_that_names_the_way_out() -> None:
    result = run("worker", "drain")
    assert result.exit_code == 2
    assert "codat-relay up" in result.stderr


def test_a_server_that_is_away_has_a_code_of_its_own() -> None:
    result = run("worker", "drain", REDIS_URL="redis://127.0.0.1:9/0")
    assert result.exit_code == 3
    assert "does not answer" in result.stderr


def test_a_weaker_server_stops_the_start_of_the_web_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from relay.store.server.checks import ServerRefused
    from relay.store.store import Store

    def refuse(*_: object, **__: object) -> Store:
        raise ServerRefused("appendonly is off")

    monkeypatch.setattr(Store, "open", refuse)
    result = run("web", REDIS_URL="redis://127.0.0.1:9/0", CODAT_WEBHOOK_SECRETS=SECRET)
    assert result.exit_code == 2
    assert "appendonly is off" in result.stderr


def test_the_web_process_wants_a_secret() -> None:
    result = run("web", REDIS_URL="redis://127.0.0.1:9/0")
    assert result.exit_code == 2
    assert "CODAT_WEBHOOK_SECRETS" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("companies",),
        ("companies", "show", "c-1"),
        ("events",),
        ("cadence", "list"),
        ("sync", "now", "c-1"),
        ("reread", "c-1"),
        ("intents",),
        ("reconcile", "show"),
        ("dead", "list"),
        ("demo",),
    ],
    ids=" ".join,
)
def test_a_service_that_is_away_has_a_code_of_its_own(words: tuple[str, ...]) -> None:
    result = run(*words, "--url", NOBODY, "--token", "t" * 20)
    assert result.exit_code == 3
    assert f"The service at {NOBODY} does not answer" in result.stderr


def test_without_a_token_the_ways_to_give_one_are_named() -> None:
    result = run("status", "--url", NOBODY)
    assert result.exit_code == 2
    assert "RELAY_TOKEN" in result.stderr


def test_the_demo_refuses_to_play_with_a_real_key() -> None:
    result = run("demo", "--token", "t" * 20, CODAT_API_KEY="key", CODAT_WEBHOOK_SECRETS=SECRET)
    assert result.exit_code == 2
    assert "sandbox only" in result.stderr


def test_config_names_every_setting_and_shows_no_secret(tmp_path: Path) -> None:
    from relay.settings import Settings

    (tmp_path / ".env").write_text("RELAY_LANES=8\nSANDBOX_API_KEY=hidden-one\n")
    result = run(
        "config",
        "--json",
        PORT="9000",
        CODAT_API_KEY="hidden-two",
        CODAT_WEBHOOK_SECRETS=SECRET,
        REDIS_URL="redis://me:hidden-three@example.test:6379/1",
    )
    rows = {row["name"]: row for row in json.loads(result.output)["settings"]}
    assert set(rows) >= {name.upper() for name in Settings.model_fields}
    assert rows["PORT"]["from"] == "environment"
    assert rows["RELAY_LANES"] == {"name": "RELAY_LANES", "value": 8, "from": ".env"}
    assert rows["RELAY_DEDUPE_DAYS"]["from"] == "default"
    assert rows["REDIS_URL"]["value"].endswith("@example.test:6379/1")
    assert "hidden-" not in result.output
    assert SECRET not in result.output


def test_what_is_signed_is_taken_for_genuine(tmp_path: Path) -> None:
    body = b'{"id": "1"}'
    (tmp_path / "body.json").write_bytes(body)
    result = run("webhook", "sign", "body.json", "--json", CODAT_WEBHOOK_SECRETS=SECRET)
    assert signature.verify([SECRET], json.loads(result.output), body).startswith("msg_")


def test_nothing_is_signed_without_a_secret(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(b"{}")
    assert run("webhook", "sign", "body.json").exit_code == 2


def test_an_undeliverable_webhook_has_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(b"{}")
    sent = run("webhook", "send", "body.json", "--url", NOBODY, CODAT_WEBHOOK_SECRETS=SECRET)
    assert sent.exit_code == 3


def test_the_doctor_names_the_first_thing_that_is_wrong() -> None:
    result = run("doctor", "--json", "--url", NOBODY, REDIS_URL="redis://127.0.0.1:9/0")
    assert result.exit_code == 3
    found = {row["check"]: row["verdict"] for row in json.loads(result.output)["findings"]}
    assert found["server"] == found["service"] == "wrong"


@pytest.mark.parametrize(
    ("brand", "key", "verdict", "said"),
    [
        ("", "", "ok", "the firm's name is not set"),
        ("", "k", "unsure", "customers read “Your firm”"),
        ('[brand]\nname = "Harbour"', "k", "ok", ""),
        ('[words.de]\npick.title = "Welche?"', "", "unsure", "[words.de] leaves"),
        ("[brand", "", "wrong", "cannot be read"),
        (None, "", "wrong", "No such file"),
        ("not named", "", "ok", "RELAY_BRAND_FILE is not set"),
    ],
)
def test_the_doctor_says_what_customers_pages_lack(
    tmp_path: Path, brand: str | None, key: str, verdict: str, said: str
) -> None:
    if brand is not None:
        (tmp_path / "brand.toml").write_text(brand)
    given = {"REDIS_URL": "redis://127.0.0.1:9/0", "RELAY_BRAND_FILE": str(tmp_path / "brand.toml")}
    if brand == "not named":
        del given["RELAY_BRAND_FILE"]
    if key:
        given |= {"CODAT_API_KEY": key, "CODAT_API_URL": NOBODY, "CODAT_WEBHOOK_SECRETS": SECRET}
    result = run("doctor", "--json", "--url", NOBODY, **given)
    [pages] = [one for one in json.loads(result.output)["findings"] if one["check"] == "pages"]
    assert pages["verdict"] == verdict
    assert said in pages["detail"]


def test_an_id_that_would_lead_elsewhere_is_wrong_usage() -> None:
    result = run("companies", "show", "../schedules", "--url", NOBODY, "--token", "t" * 20)
    assert result.exit_code == 2


def test_a_time_of_day_that_is_none_is_wrong_usage() -> None:
    words = ("cadence", "set", "c-1", "invoices", "daily", "--at", "25:00")
    assert run(*words, "--url", NOBODY, "--token", "t" * 20).exit_code == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (redis.ConnectionError("refused"), "does not answer: refused"),
        (redis.TimeoutError("late"), "does not answer: late"),
        (redis.BusyLoadingError("loading"), "does not answer: loading"),
        (redis.AuthenticationError("WRONGPASS"), "does not let us in: WRONGPASS"),
        (redis.exceptions.OutOfMemoryError("full"), "answers with an error: full"),
        (redis.exceptions.NoPermissionError("no"), "answers with an error: no"),
        (redis.ReadOnlyError("replica"), "answers with an error: replica"),
    ],
)
def test_what_the_server_did_is_said_as_it_was(
    error: redis.RedisError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, faults_explained():
        raise error
    assert ended.value.code == UNREACHABLE
    assert capsys.readouterr().err == f"The Redis or Valkey server {said}\n"
