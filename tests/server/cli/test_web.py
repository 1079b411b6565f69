"""The web process comes up before its store does."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs

from cli.app import main
from cli.checkup import check_client, check_tokens
from cli.web.app import LOOK_AGAIN_AFTER, LateApp, check
from portal.http.problems import Problem
from relay.settings import Settings
from relay.store import Store
from relay.store.server.checks import ServerRefused
from relay.tokens import Token
from support.parts import SECRET


def served(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


KEY = "a-token-of-some-length"


class Builds:
    """Builds the app once the store is there, and counts the tries."""

    def __init__(self, fault: Exception | None) -> None:
        self.fault = fault
        self.tries = 0

    def __call__(self) -> Any:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        return served


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(app: LateApp, path: str) -> tuple[int, dict[str, str], Any]:
    heard: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        heard.append((status, headers))

    body = b"".join(app({"PATH_INFO": path}, start_response))  # type: ignore[arg-type]
    status, headers = heard[0]
    return int(status[:3]), dict(headers), orjson.loads(body) if body else None


@pytest.mark.parametrize("path", ["/webhooks/codat", "/readyz", "/v1/companies", "/"])
def test_while_redis_is_away_everything_is_asked_to_come_again(path: str) -> None:
    status, headers, body = ask(LateApp(Builds(RedisAway("refused"))), path)
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert "Redis does not answer" in body["detail"]
    assert Problem.model_validate(body).type == "/problems#store-away"


def test_the_process_says_that_it_lives_while_redis_is_away() -> None:
    assert ask(LateApp(Builds(RedisAway("refused"))), "/healthz")[0] == 200


def test_it_works_without_a_restart_once_redis_is_back() -> None:
    builds, now = Builds(RedisAway("refused")), Time()
    app = LateApp(builds, now)
    assert ask(app, "/webhooks/codat")[0] == 503
    builds.fault = None
    now.now += LOOK_AGAIN_AFTER
    assert ask(app, "/webhooks/codat")[0] == 204
    assert ask(app, "/webhooks/codat")[0] == 204
    assert builds.tries == 2


def test_it_looks_at_most_once_a_second() -> None:
    builds, now = Builds(RedisAway("refused")), Time()
    app = LateApp(builds, now)
    for _ in range(10):
        assert ask(app, "/webhooks/codat")[0] == 503
    assert builds.tries == 1
    now.now += LOOK_AGAIN_AFTER
    ask(app, "/webhooks/codat")
    assert builds.tries == 2


def test_a_weaker_server_is_not_used_nor_described_to_strangers() -> None:
    status, _, body = ask(LateApp(Builds(ServerRefused("appendonly is off"))), "/webhooks/codat")
    assert status == 503
    assert "appendonly" not in str(body)


def test_an_unforeseen_fault_is_answered_later_too() -> None:
    status, _, body = ask(LateApp(Builds(KeyError("surprise"))), "/webhooks/codat")
    assert status == 503
    assert "surprise" not in str(body)


def test_where_no_token_is_valid_the_start_and_the_doctor_say_so(
    store: Store, server: Any, make_settings: Callable[..., Settings]
) -> None:
    given = {"redis_url": server.url, "codat_webhook_secrets": SECRET}
    tokenless, named = make_settings(**given), make_settings(**given, relay_tokens="a:view:" + KEY)

    def said(settings: Settings) -> list[str]:
        with capture_logs() as logs:
            check(settings)
        return [one["why"] for one in logs if one["event"] == "web.nobody_let_in"]

    [why] = said(tokenless)
    assert "codat-relay token new" in why
    assert check_tokens(tokenless).verdict == "unsure"
    assert check_tokens(tokenless).detail == why
    assert said(named) == []
    assert check_tokens(named).verdict == "ok"
    store.tokens.put(KEY, Token("operator", "operate"), made=1)
    assert said(tokenless) == []
    assert check_tokens(tokenless).verdict == "ok"


def test_the_doctor_reports_webhooks_of_other_clients(
    store: Store, server: Any, make_settings: Callable[..., Settings]
) -> None:
    ours, other = "4b6091c4-32b8-4e08-ac31-f7dc7477674b", "bae71d36-ff47-420a-b4a6-f8c9ddf41140"
    given = {"redis_url": server.url, "codat_webhook_secrets": SECRET}
    settings = make_settings(**given, codat_client_id=ours.upper())
    assert "not known" in check_client(make_settings(**given)).detail
    assert (check_client(settings).verdict, check_client(settings).detail) == ("ok", ours)
    store.inbox.note_other_client()
    assert check_client(settings).verdict == "unsure"
    store.platforms.keep_client_id(settings.key_mark, other)
    assert check_client(settings).verdict == "wrong"
    assert other in check_client(settings).detail


@pytest.mark.parametrize(
    ("words", "given", "listens"),
    [
        ([], {}, "127.0.0.1"),
        (["--public"], {}, "0.0.0.0"),
        (["--public"], {"HOST": "::1"}, "::1"),
        ([], {"HOST": "localhost"}, "127.0.0.1"),
        ([], {"HOST": "0.0.0.0"}, "0.0.0.0"),
    ],
)
def test_it_listens_where_the_settings_say(
    words: list[str], given: dict[str, str], listens: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    from cli.commands import web

    heard: list[tuple[str, str]] = []

    class Listening:
        def __init__(self, _target: str, *, address: str, **_more: object) -> None:
            heard.append(("address", address))

        def serve(self, *, target_loader: object, **_more: object) -> None:
            heard.append(("app", target_loader.__name__))  # type: ignore[attr-defined]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(web, "Granian", Listening)
    monkeypatch.setattr(web, "refuse_taken", lambda *_: None)
    monkeypatch.setattr(web.os, "environ", {})
    env = {"REDIS_URL": "redis://127.0.0.1:9", "CODAT_WEBHOOK_SECRETS": SECRET, **given}
    done = CliRunner().invoke(main, ["web", *words], env=env)
    assert done.exit_code == 0, done.output
    assert heard == [("address", listens), ("app", "app")]
