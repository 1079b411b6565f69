"""What the settings name is what is valid; what was made here can be replaced and ended at once."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import tokens
from cli.app import main
from cli.data_dir import DataDir
from cli.faults import CannotStart
from cli.tokens import keep_operator, place_of
from portal.api.stream.follow import Follow
from relay.settings import Settings
from relay.store import Store
from relay.store.keys import TOKENS
from relay.tokens import Token, digest_of, fault_of, new_token, read_tokens
from support.portal_bench import Portal, kind

MakeSettings = Callable[..., Settings]
Run = Callable[..., Result]
ONE, TWO = "a-token-that-was-made-first", "a-token-that-was-made-later"
OPERATOR = Token("operator", "operate")


def status(portal: Portal, token: str) -> int:
    return portal.get("/v1/status", token=token).status_code


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["ops"], "entry 1 must read name:role:token"),
        (["ops:view"], "entry 1 must read name:role:token"),
        ([f":view:{ONE}"], "entry 1 must read name:role:token"),
        ([f"o ps:view:{ONE}"], "the name of up to 64"),
        ([f'"ops:view:{ONE}'], "the name of up to 64"),
        ([f"-ops:view:{ONE}"], "the name of up to 64"),
        ([f"ops:Operate:{ONE}"], "the role must be view or operate; the nearest"),
        ([f"ops:operator:{ONE}"], "the nearest that is known is operate"),
        ([f"ops::{ONE}"], "the role must be view or operate"),
        (["ops:view:short"], "16 to 512"),
        ([f"ops:view:{'x' * 513}"], "16 to 512"),
        (["ops:view:with a space in it"], "no header can carry"),
        (["ops:view:gr\u00fc\u00dfe-aus-der-ferne"], "no header can carry"),
        ([f"ops:view:{ONE}\x01"], "no header can carry"),
        ([f"ops:view:{ONE}", f"web:view:{ONE}"], "entry 2 repeats the token"),
        ([f"ops:view:{ONE}", f"ops:view:{ONE}"], "entry 2 repeats the token"),
        ([f"ops:view:{ONE}", f"ops:operate:{TWO}"], "entry 2 repeats the name"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_without_its_text(entries, said) -> None:
    with pytest.raises(ValueError, match="entry") as refused:
        read_tokens(entries)
    assert said in str(refused.value)
    assert ONE not in str(refused.value)


def test_a_name_may_have_two_tokens_so_that_one_can_follow_the_other() -> None:
    read = read_tokens([f"ops:view:{ONE}", f"ops:view:{TWO}", f"web:operate:{ONE}:with:colons"])
    assert read[digest_of(ONE)] == read[digest_of(TWO)] == Token("ops", "view")
    assert read[digest_of(f"{ONE}:with:colons")] == Token("web", "operate")


def test_what_is_made_can_be_used() -> None:
    assert fault_of(new_token()) is None
    assert new_token() != new_token()


def test_where_relay_tokens_is_set_nothing_else_is_valid() -> None:
    """Also a token that `up` made, or an earlier version, before RELAY_TOKENS was set."""
    portal = Portal(relay_tokens=())
    portal.store.tokens.put(ONE, OPERATOR, made=1)
    portal.client.hset(TOKENS, digest_of(TWO), "operator:operate")
    assert status(portal, ONE) == status(portal, TWO) == 200
    named = Portal(store=portal.store, relay_tokens=("olga:operate:another-one-altogether",))
    assert status(named, ONE) == status(named, TWO) == 401
    assert named.post("/v1/companies", token=ONE, json={}).status_code == 401
    assert status(named, "another-one-altogether") == 200


def test_settings_that_changed_are_what_counts() -> None:
    """A token under another role, and one that RELAY_TOKENS names although it was revoked."""
    portal = Portal(relay_tokens=(f"ops:operate:{ONE}",))
    assert status(portal, ONE) == 200
    again = Portal(store=portal.store, relay_tokens=(f"ops:view:{ONE}",))
    assert kind(again.post("/v1/companies", token=ONE, json={})) == "forbidden"
    portal.store.tokens.revoke([digest_of(ONE)])
    assert status(again, ONE) == 200


def test_a_revoked_token_is_refused_at_once_everywhere_and_for_good(store: Store) -> None:
    processes = [Portal(store=store, relay_tokens=()) for _ in range(3)]
    store.tokens.put(ONE, OPERATOR, made=1)
    assert [status(one, ONE) for one in processes] == [200] * 3
    store.tokens.revoke([digest_of(ONE)])
    assert [status(one, ONE) for one in processes] == [401] * 3
    assert not store.tokens.put(ONE, OPERATOR, made=2)
    assert [status(one, ONE) for one in processes] == [401] * 3


def test_scripts_may_be_sent_twice(store: Store) -> None:
    store.tokens.put(ONE, OPERATOR, made=1)
    for _ in range(2):
        assert store.tokens.put(TWO, OPERATOR, made=2, replace="")
    for _ in range(2):
        store.tokens.revoke([digest_of(ONE)])
    assert [one.digest for one in store.tokens.all()] == [digest_of(TWO)]


def test_an_open_stream_ends_when_its_token_does() -> None:
    portal = Portal(relay_tokens=())
    portal.store.tokens.put(ONE, OPERATOR, made=1)
    time = [0.0]
    holds = lambda: portal_tokens(portal).is_valid_still(digest_of(ONE), lambda: time[0])  # noqa: E731
    head = portal.store.events.head()
    follow = Follow(
        portal_parts(portal).tail, portal.store.events, 0, head.epoch, None,
        heartbeat=0.01, is_let_in=holds,
    )  # fmt: skip
    pieces = follow.pieces()
    assert b"retry" in next(pieces)
    assert b"dropped" not in next(pieces)
    portal.store.tokens.revoke([digest_of(ONE)])
    time[0] += 1.0
    assert b"its token is no longer valid" in next(pieces)
    assert next(pieces, None) is None


def test_a_long_poll_under_a_revoked_token_gives_nothing(monkeypatch) -> None:
    from portal.api.events import routes

    portal = Portal(relay_tokens=())
    portal.store.tokens.put(ONE, OPERATOR, made=1)

    def wait(*_: object) -> None:
        portal.store.tokens.revoke([digest_of(ONE)])

    monkeypatch.setattr(routes, "_wait", wait)
    assert status(portal, ONE) == 200
    assert portal.get("/v1/events?wait=5", token=ONE).status_code == 401


def portal_parts(portal: Portal):
    return portal.app.extensions["codat-relay"]


def portal_tokens(portal: Portal):
    return portal_parts(portal).tokens


def operator(settings: Settings, store: Store, here: DataDir, *, owns_store: bool = True):
    return keep_operator(settings, store, here, owns_store=owns_store)


def names_of(store: Store) -> list[str]:
    return [one.digest for one in store.tokens.all()]


def test_the_operator_token_is_made_once_and_kept_private(
    make_settings: MakeSettings, store: Store, tmp_path: Path
) -> None:
    here = DataDir(tmp_path / "data")
    made = operator(make_settings(), store, here).made
    assert made is not None
    assert store.tokens.owner(digest_of(made)) == OPERATOR
    assert here.token() == made
    assert stat.S_IMODE(here.token_file.stat().st_mode) == 0o600
    again = operator(make_settings(), store, here)
    assert (again.file, again.made) == (here.token_file, None)
    assert names_of(store) == [digest_of(made)]


def test_a_kept_token_works_on_an_emptied_store(
    make_settings: MakeSettings, store: Store, tmp_path: Path
) -> None:
    made = operator(make_settings(), store, DataDir(tmp_path)).made
    store.client.flushall()
    assert operator(make_settings(), store, DataDir(tmp_path)).made is None
    assert names_of(store) == [digest_of(made or "")]


def test_a_start_gives_no_token_more_than_it_was_made_for(
    make_settings: MakeSettings, store: Store, tmp_path: Path
) -> None:
    here = DataDir(tmp_path)
    view = Token("operator", "view")  # as earlier versions made it where asked to
    made = tokens.make(store, here, view, everywhere=True)
    operator(make_settings(), store, here)
    assert store.tokens.owner(digest_of(made)) == view


@pytest.mark.parametrize("owns_store", [True, False])
def test_a_deleted_file_ends_its_token(
    make_settings: MakeSettings, store: Store, tmp_path: Path, owns_store: bool
) -> None:
    here = DataDir(tmp_path)
    first = operator(make_settings(), store, here, owns_store=owns_store).made
    here.token_file.unlink()
    second = operator(make_settings(), store, here, owns_store=owns_store)
    assert second.made not in (first, None)
    assert "was gone" in second.why
    assert names_of(store) == [digest_of(second.made or "")]


def test_a_rewritten_file_counts(make_settings: MakeSettings, store: Store, tmp_path: Path) -> None:
    here = DataDir(tmp_path)
    operator(make_settings(), store, here)
    here.token_file.write_bytes(b"\xef\xbb\xbf" + TWO.encode() + b"\r\n")
    assert operator(make_settings(), store, here).made is None
    assert names_of(store) == [digest_of(TWO)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"short", "16 to 512"),
        (b"two words are no token at all", "no header can carry"),
        ("\u00fc".encode() * 20, "no header can carry"),
        (ONE.encode("utf-16"), "UTF-16"),
        (b"\xff" * 20, "is not UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_token_is_a_fault(
    make_settings: MakeSettings, store: Store, tmp_path: Path, content: bytes, said: str
) -> None:
    here = DataDir(tmp_path)
    here.token_file.write_bytes(content)
    with pytest.raises(CannotStart, match=said):
        operator(make_settings(), store, here)
    assert names_of(store) == []


def test_machines_that_share_a_store_leave_each_others_tokens_alone(
    make_settings: MakeSettings, store: Store, tmp_path: Path
) -> None:
    here, there = DataDir(tmp_path / "here"), DataDir(tmp_path / "there")
    first = operator(make_settings(), store, here, owns_store=False).made
    assert operator(make_settings(), store, there, owns_store=False) == tokens.Operator(None)
    there.path.mkdir()
    there.token_file.write_text(TWO)
    assert operator(make_settings(), store, there, owns_store=False).made is None
    assert sorted(names_of(store)) == sorted([digest_of(first or ""), digest_of(TWO)])


def test_no_token_is_made_where_tokens_are_set(
    make_settings: MakeSettings, store: Store, tmp_path: Path
) -> None:
    own = make_settings(relay_tokens="me:operate:0123456789abcdef")
    assert operator(own, store, DataDir(tmp_path)) == tokens.Operator(None)
    assert names_of(store) == []
    assert not tokens.are_missing(own, store)
    assert tokens.are_missing(make_settings(), store)


@pytest.fixture
def run(store: Store, server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the real server, its output not a terminal."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, **more: str) -> Result:
        given = {"REDIS_URL": server.url, "RELAY_DATA_DIR": "data", **more}
        return CliRunner().invoke(main, ["token", *words], env=given)

    return invoke


def listed(run: Run, **more: str) -> list[dict]:
    return json.loads(run("list", "--json", **more).stdout)["tokens"]


def test_a_token_is_made_kept_in_a_file_and_not_printed(run: Run, store: Store, tmp_path) -> None:
    done = run("new", "ci", "--role", "view")
    assert done.exit_code == 0, done.output
    file = tmp_path / "data" / "ci-token"
    kept = file.read_text().strip()
    assert kept not in done.output
    assert "data/ci-token" in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert store.tokens.owner(digest_of(kept)) == Token("ci", "view")
    [row] = listed(run)
    assert (row["name"], row["role"], row["valid"]) == ("ci", "view", True)
    assert row["from"] == place_of(DataDir(Path("data")))
    assert kept not in run("list").output
    assert run("new", "ci").exit_code == 2
    refused = run("new", "operator", "--role", "view")
    assert (refused.exit_code, "choose another name" in refused.output) == (2, True)


def test_it_is_printed_where_that_is_asked_for(run: Run, tmp_path) -> None:
    shown = run("new", "ci", "--show").stdout.strip()
    assert shown == (tmp_path / "data" / "ci-token").read_text().strip()
    again = json.loads(run("rotate", "ci", "--show", "--json").stdout)
    assert again["token"] == (tmp_path / "data" / "ci-token").read_text().strip() != shown


def test_the_operators_token_is_replaced_and_the_one_before_ends(
    run: Run, store: Store, make_settings: MakeSettings, tmp_path: Path
) -> None:
    here, portal = DataDir(tmp_path / "data"), Portal(store=store, relay_tokens=())
    first = operator(make_settings(), store, here).made or ""
    assert status(portal, first) == 200
    assert run("rotate").exit_code == 0
    second = here.token() or ""
    assert (status(portal, first), status(portal, second)) == (401, 200)
    assert operator(make_settings(), store, here).made is None
    assert (status(portal, first), status(portal, second)) == (401, 200)


def test_a_revoked_token_does_not_come_back_with_its_file(
    run: Run, store: Store, make_settings: MakeSettings, tmp_path: Path
) -> None:
    here, portal = DataDir(tmp_path / "data"), Portal(store=store, relay_tokens=())
    first = operator(make_settings(), store, here).made or ""
    done = run("revoke", "operator")
    assert (done.exit_code, done.stdout) == (0, "Revoked 1 called operator.\n")
    assert "no API token is valid" in done.stderr
    assert not here.token_file.exists()
    here.token_file.write_text(first)  # as another machine still has it
    second = operator(make_settings(), store, here)
    assert second.made not in (None, first)
    assert "revoked" in second.why
    assert (status(portal, first), status(portal, second.made or "")) == (401, 200)


def test_what_an_earlier_version_left_can_be_listed_and_revoked(run: Run, store: Store) -> None:
    store.client.hset(TOKENS, digest_of(ONE), "operator:operate")
    [row] = listed(run)
    assert (row["name"], row["made"], row["from"]) == ("operator", None, "an earlier version")
    assert run("revoke", "operator").exit_code == 0
    assert listed(run) == []


def test_an_unknown_name_is_refused_with_the_nearest(run: Run) -> None:
    run("new", "reporting")
    for word in ("revoke", "rotate"):
        done = run(word, "reportin")
        assert done.exit_code == 2
        assert "nearest that is known is reporting" in done.stderr
    assert [row["name"] for row in listed(run)] == ["reporting"]


@pytest.mark.parametrize("name", ["../x", "", "-x", "a b", "x" * 65, "\u00fc"])
def test_a_name_that_is_no_file_name_is_refused(run: Run, name: str, tmp_path: Path) -> None:
    assert run("new", "--", name).exit_code == 2
    assert list(tmp_path.rglob("*-token")) == []


def test_commands_change_nothing_where_relay_tokens_decides(run: Run, store: Store) -> None:
    store.tokens.put(TWO, OPERATOR, made=1)
    named = {"RELAY_TOKENS": f"ops:view:{ONE}"}
    rows = listed(run, **named)
    assert [(row["name"], row["valid"]) for row in rows] == [("ops", True), ("operator", False)]
    for words in (("new", "x"), ("rotate", "operator"), ("revoke", "ops")):
        done = run(*words, **named)
        assert done.exit_code == 2
        assert "RELAY_TOKENS" in done.stderr
    assert run("revoke", "operator", **named).exit_code == 0
    assert names_of(store) == []
