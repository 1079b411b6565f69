"""What a command names must be there, and what is no address or token is not said to be away."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.app import main
from cli.client import Api, open_api
from relay.settings import Settings
from support.commands import Run, portal, run  # noqa: F401
from support.parts import SECRET, Bench, company_id, make_event
from support.portal_bench import OPERATOR, Portal, kind
from workers.replay import replay_some

TOKEN_ODD = "visible ASCII characters alone"


@pytest.mark.parametrize(
    "words", [("events", "--company"), ("journey", "--company"), ("intents", "--company")]
)
def test_an_unknown_company_lists_only_the_nearest_match(run: Run, words) -> None:
    result = run(*words, company_id(1)[:-1] + "9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"the nearest that is known is {company_id(1)[:-1]}" in result.stderr
    assert run(*words, company_id(1)).exit_code == 0


@pytest.mark.parametrize("fault", [None, KeyboardInterrupt()])
@pytest.mark.parametrize("of", ["pause", "cadence"])
def test_what_only_looked_is_not_said_to_be_done(
    run: Run, portal: Portal, tmp_path: Path, monkeypatch, of, fault
) -> None:
    file, post = tmp_path / "some.csv", Api.post
    words = ["pause", "set", "company", "--reason", "x", "--file", str(file)]
    file.write_text(f"{company_id(1)}\n{company_id(9)}\n")
    if of == "cadence":
        words = ["cadence", "import", str(file)]
        lines = [f"{company_id(n)},invoices,{how}\n" for n, how in ((1, "daily"), (2, "weekly"))]
        file.write_text("company_id,data_type,cadence\n" + "".join(lines))
    asked: list[str] = []

    def break_off(self: Api, path: str, *given: Any) -> Any:
        asked.append(path)
        if fault and len(asked) == 2:
            raise fault
        return post(self, path, *given)

    monkeypatch.setattr(Api, "post", break_off)
    result = run(*words)
    assert "stay so" not in result.stderr
    if fault:
        assert (result.exit_code, result.stderr) == (130, "Interrupted: nothing was done.\n")
    elif of == "pause":
        assert (result.exit_code, company_id(9) in result.stderr) == (2, True), result.stderr
    if fault or of == "pause":
        assert (portal.store.pauses.all(), portal.store.schedules.count()) == ([], 0)


def test_messages_are_replayed_once_each_and_all_of_them_or_none(bench: Bench) -> None:
    portal = Portal(store=bench.store)
    bench.deliver(make_event("company.created", company=1))
    bench.drain()
    [held] = portal.get("/v1/messages").json["messages"]
    for others in (["3:1-1"], ["60000:1-1"], ["3:1-1", "4:1-1"]):
        for more in ({}, {"preview": True}):
            answer = portal.post("/v1/replays", json={"messages": [held["id"], *others]} | more)
            assert (kind(answer), *[one in answer.text for one in others])[1:] == (True,) * len(
                others
            )
            assert kind(answer) == "not-found"
    begun = portal.post("/v1/replays", json={"messages": [held["id"], held["id"]]}).json
    while replay_some(bench.context, begun["id"], seconds=0):
        pass
    bench.drain()
    done = portal.get(f"/v1/replays/{begun['id']}").json
    assert (done["messages"], done["handled"]) == (1, 1)


def test_a_dead_letter_is_found_however_many_came_after_it(
    run: Run, portal: Portal, monkeypatch
) -> None:
    monkeypatch.setattr("cli.commands.dead.NEWEST", 2)
    bench = Bench(portal.store, portal.settings)
    for number in range(4):
        bench.deliver(b"[%d]" % number, message_id=f"msg_{number}")
        bench.drain()
    sent: list[Any] = []
    monkeypatch.setattr("cli.commands.dead.run", lambda _, body, **__: sent.append(body))
    assert run("dead", "retry", "msg_0", "msg_3", "--yes").exit_code == 0
    oldest, newest = sorted(sent[0]["messages"], key=lambda one: one.partition(":")[2])
    assert portal.get(f"/v1/messages/{oldest}").json["message_id"] == "msg_0"
    assert portal.get(f"/v1/messages/{newest}").json["message_id"] == "msg_3"
    result = run("dead", "retry", "msg_0", "msg_00", "--yes")
    assert (result.exit_code, len(sent)) == (2, 1)
    assert "No dead letter is called msg_00" in result.stderr


def test_an_intent_that_was_not_given_up_is_named(run: Run) -> None:
    result = run("intents", "retry", "info:nobody", "sync:none")
    assert result.exit_code == 2
    assert "info:nobody, sync:none: nothing of this name" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--url"),
        ("doctor", "--url"),
        ("webhook", "send", "-", "--url"),
        ("sandbox", "storm", "--to"),
        ("sandbox", "serve", "--webhook-url"),
        ("sandbox", "play", "link", "--url"),
    ],
)
@pytest.mark.parametrize("odd", ["relay.example", "localhost:8000", "ftp://x", "http://x:99999"])
def test_what_is_no_address_is_refused_as_that(tmp_path: Path, monkeypatch, words, odd) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*words, odd], input="{}")
    assert result.exit_code == 2, result.output
    assert "must be an http:// or https:// address" in result.stderr


def test_a_token_is_read_as_every_setting_is() -> None:
    for around in (f"{OPERATOR}\r\n", f"\ufeff{OPERATOR} ", f"\n{OPERATOR}"):
        api = open_api(Settings(), "http://127.0.0.1:1", around)
        assert api._session.headers["Authorization"] == f"Bearer {OPERATOR}"
    for odd in ("a\nb" * 8, "ключ" * 4, "a b" * 8):
        given = ["companies", "--url", "http://127.0.0.1:1"]
        result = CliRunner().invoke(main, given, env={"RELAY_TOKEN": odd})
        assert (result.exit_code, TOKEN_ODD in result.stderr) == (2, True), result.stderr


def test_a_webhooks_id_that_no_header_can_carry_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODAT_WEBHOOK_SECRETS", SECRET)
    for odd in ("a b", "a\nb", "é", ""):
        for word in ("sign", "send"):
            given = ["webhook", word, "-", "--id", odd]
            assert CliRunner().invoke(main, given, input="{}").exit_code == 2, odd
