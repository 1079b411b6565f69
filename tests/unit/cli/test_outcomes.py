"""Commands say what happened: nothing matched, a part failed, all failed, interrupted, unknown."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import Api
from relay.companies.company import CompanyStatus
from relay.store import keys
from relay.store.intents.kinds import kinds
from relay.store.intents.queue import Priority
from support.commands import Run, commands, portal, run  # noqa: F401
from support.parts import Bench, company_id
from support.portal_bench import OPERATOR, Portal, make_company
from workers.intents import kind

XERO = ("--platform", "Xeroo")
NOTHING_TO_STOP = "409 Conflict: It had ended before: there was nothing to stop.\n"
NEAR = "the nearest that is known is"


@pytest.fixture
def at_work(portal: Portal) -> Iterator[Bench]:
    """Workers that apply and perform what there is, as long as the test runs."""
    bench, stopping = Bench(portal.store, portal.settings), threading.Event()

    def work() -> None:
        while not stopping.wait(0.02):
            bench.settle()

    thread = threading.Thread(target=work)
    thread.start()
    yield bench
    stopping.set()
    thread.join()


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody presses Ctrl-C when a command first waits."""

    def press(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.work.time.sleep", press)


def test_a_sync_logged_as_missed_is_not_done(run: Run, at_work: Bench) -> None:
    result = run("sync", "now", company_id(1), company_id(3), "--data-type", "invoices")
    assert result.exit_code == 1
    assert "1 done." in result.stdout.splitlines()
    assert f"{company_id(3)}\tthe company is Unlinked" in result.stdout
    assert "1 of 2 were not done. 1: the company is Unlinked." in result.stderr


def test_json_says_too_that_nothing_was_done(run, at_work) -> None:
    result = run("sync", "now", company_id(3), "--json")
    assert result.exit_code == 1
    [one] = json.loads(result.stdout[result.stdout.index("{\n") :])["not_done"]
    assert one == {"name": company_id(3), "reason": "the company is Unlinked"}


def test_a_sync_that_is_done_is_done(run: Run, at_work: Bench) -> None:
    result = run("sync", "now", "--all", "--yes", "--data-type", "invoices")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "2 done.")


def test_a_sync_without_an_event_in_time_is_not_done(run: Run, portal: Portal, monkeypatch) -> None:
    monkeypatch.setattr("cli.commands.sync.OUTCOME_WITHIN", 0.0)
    bench, stopping = Bench(portal.store, portal.settings), threading.Event()

    def perform_only() -> None:  # nobody drains: the log hears nothing
        while not stopping.wait(0.02):
            bench.perform()

    thread = threading.Thread(target=perform_only)
    thread.start()
    try:
        result = run("sync", "now", company_id(1), "--data-type", "invoices")
    finally:
        stopping.set()
        thread.join()
    assert result.exit_code == 1
    assert "0 done." in result.stdout.splitlines()
    assert "its outcome is not in the log yet" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pause", "set", "platform", "Xeroo", "--reason", "x"), f"{NEAR} Xero"),
        (("pause", "set", "tag", "regoin", "--reason", "x"), f"{NEAR} region"),
        (("pause", "set", "tag", "region=eu", "--reason", "x"), f"{NEAR} region=EU"),
        (("pause", "set", "company", company_id(9), "--reason", "x"), "is no company that is held"),
        (("pause", "set", "data_type", "invoice", "--reason", "x"), f"{NEAR} invoices"),
        (("pause", "set", "platfrom", "Xero", "--reason", "x"), "Did you mean platform?"),
        (("pause", "set", "everything", "--window", "1:00-2:00", "--reason", "x", "--timezone",
          "Europe/Pari"), ""),
        (("pause", "set", "everything", "--window", "01:00-02:00", "--reason", "x", "--timezone",
          "Europe/Pari"), f"{NEAR} Europe/Paris"),
        (("cadence", "set", "all", "invoices", "daily", *XERO), f"{NEAR} Xero"),
        (("cadence", "set", "all", "invoices", "daily", *XERO, "--timezone", "Nowhere/City"),
         f"{NEAR} Xero"),
        (("cadence", "set", company_id(1), "invoices", "daily", "--timezone", "Nowhere/City"),
         "must be a time zone's name"),
        (("cadence", "set", company_id(1), "invoices", "dayly"), "Did you mean daily?"),
        (("cadence", "set", "all", "invoices", "daily", "--status", "Linkd"), "mean Linked?"),
        (("cadence", "list", *XERO), f"{NEAR} Xero"),
        (("cadence", "next", *XERO), f"{NEAR} Xero"),
        (("cadence", "load", *XERO), f"{NEAR} Xero"),
        (("cadence", "remove", "all", "invoices", *XERO), f"{NEAR} Xero"),
        (("cadence", "policy", "--apply", *XERO), f"{NEAR} Xero"),
        (("companies", *XERO), f"{NEAR} Xero"),
        (("journey", *XERO), f"{NEAR} Xero"),
        (("journey", "--stage", "waitin"), "nearest is waiting"),
        (("sync", "now", *XERO), f"{NEAR} Xero"),
        (("sync", "now", company_id(1), "--data-type", "invoce"), f"{NEAR} invoices"),
        (("reread", *XERO), f"{NEAR} Xero"),
        (("reconcile", *XERO), f"{NEAR} Xero"),
        (("intents", "--kind", "sycn"), f"{NEAR} sync"),
        (("intents", "--state", "ded"), "Did you mean dead?"),
        (("intents", "retry", "--kind", "reraed"), f"{NEAR} reread"),
        (("events", "--type", "sync.mised"), f"{NEAR} sync.missed"),
        (("worker", "drian"), "Did you mean drain?"),
    ],
)  # fmt: skip
def test_an_unknown_value_is_refused_with_the_nearest(
    run: Run, portal: Portal, words, said
) -> None:
    portal.hold(make_company(4, tags={"region": "EU"}))
    result = run(*words) if words[0] != "worker" else _bare(*words)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.replace("\n", " ").split())
    assert not portal.store.pauses.all()
    assert portal.store.schedules.count() == 0
    assert not sum(portal.store.intents.counts().values())


def _bare(*words: str) -> Any:
    from click.testing import CliRunner

    from cli.app import main

    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "now", "--status", "Unlinked"), "No linked company fits: nothing was done."),
        (("reread", "--status", "Deleted"), "No company fits: nothing was done."),
        (("reconcile", "--status", "Deleted"), "No company fits: nothing was done."),
        (("cadence", "set", "all", "bills", "daily", "--status", "Blank"), "No company fits"),
        (("cadence", "remove", "all", "bills"), "No company fits: nothing was done."),
        (("cadence", "policy", "--apply", "--status", "Blank"), "No company fits"),
        (("intents", "retry", "--kind", "info"), "Nothing that was given up fits"),
        (("intents", "withdraw", "--like", "sync:*"), "Nothing of such a name waits."),
        (("intents", "withdraw", "info:none"), "Nothing of such a name waits."),
        (("resume", "--scope", "platform"), "No pause fits: nothing was ended."),
        (("resume", "nobody"), "There is no pause nobody"),
        (("replay", "--company", company_id(1)), "No kept message fits: nothing was done."),
        (("companies", "show", company_id(9)), "Unknown company"),
    ],
)
def test_a_choice_that_fits_nothing_is_not_a_success(run: Run, words, said) -> None:
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert said in result.stderr


@pytest.mark.parametrize(
    "words", [("dead", "retry"), ("intents", "retry", "--all"), ("resume", "--all"), ("replay",)]
)
def test_with_nothing_to_do_all_of_it_is_done(run: Run, words) -> None:
    result = run(*words)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1), result.output


def test_an_interruption_says_what_goes_on_and_how_to_stop_it(
    run: Run, portal: Portal, interrupted
) -> None:
    result = run("reread", "--all", "--yes")
    assert result.exit_code == 130
    assert "0 of 3 are done, and the rest goes on by itself." in result.stderr
    assert "codat-relay intents withdraw --like 'reread:*'" in result.stderr
    assert portal.store.intents.counts()["now"] == 3
    stopped = run("intents", "withdraw", "--like", "reread:*")
    assert (stopped.exit_code, stopped.stdout) == (0, "3 withdrawn.\n")
    counts = portal.store.intents.counts()
    assert (counts["now"], counts["dead"]) == (0, 3)
    assert "withdrawn by olga" in run("intents", "--state", "dead").stdout
    again = run("intents", "retry", "--kind", "reread", "--yes", "--no-wait")
    assert again.exit_code == 0
    assert portal.store.intents.counts()["now"] == 3


def test_a_withdrawn_sync_counts_as_missed(run: Run, portal: Portal) -> None:
    run("sync", "now", company_id(1), "--data-type", "invoices", "--no-wait")
    assert run("intents", "withdraw", "--like", "sync:*").exit_code == 0
    bench = Bench(portal.store, portal.settings)
    bench.drain()
    [(_, data)] = [told for told in bench.log() if told[0] == "sync.missed"]
    assert data["reason"] == "withdrawn by olga"


def test_what_others_left_and_what_runs_is_not_withdrawn(portal: Portal, run: Run) -> None:
    run("reread", company_id(1), company_id(2), "--no-wait")
    claimed = portal.store.intents.claim(
        now=2**45, lease_ms=60_000, limit=1, priorities=(Priority.NOW,)
    )
    assert len(claimed) == 1
    result = run("intents", "withdraw", "--like", "*", "--json")
    assert json.loads(result.stdout) == {"withdrawn": 1, "running": 1}
    assert portal.store.intents.finish(claimed[0], "done", now=1, lane=0)[0]


def test_a_file_of_pauses_of_which_one_is_refused_sets_none(run, portal, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text(f"{company_id(1)}\n{company_id(9)}\n")
    result = run("pause", "set", "company", "--reason", "x", "--file", str(file))
    assert result.exit_code == 2
    assert portal.store.pauses.all() == []


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [(KeyboardInterrupt(), 130, "Interrupted: 1 of 2 were done and stay so. The one under way")],
)
def test_a_walk_that_ends_early_says_how_far_it_came(
    run: Run, portal: Portal, tmp_path, monkeypatch, fault, code, said
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(f"{company_id(1)}\n{company_id(2)}\n")
    post, asked = Api.post, []

    def once(self: Api, path: str, *given: Any) -> Any:
        if "preview" not in path:
            asked.append(path)
        if len(asked) == 2:
            raise fault
        return post(self, path, *given)

    monkeypatch.setattr(Api, "post", once)
    result = run("pause", "set", "company", "--reason", "x", "--file", str(file))
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert len(portal.store.pauses.all()) == 1


def test_a_question_that_is_not_answered_with_yes_does_nothing(run: Run, portal: Portal) -> None:
    result = run("reread", "--all", input="n\n")
    assert result.exit_code == 1
    assert result.stderr.endswith("Nothing was done.\n")
    assert "Aborted" not in result.output


def test_dead_letters_that_fail_again_show_the_reason(
    run: Run, portal: Portal, at_work: Bench, monkeypatch
) -> None:
    monkeypatch.setattr("cli.commands.replay.POLL", 0.02)
    at_work.deliver(b"[1, 2]")
    portal.hints.__dict__.setdefault("replays", [])
    _wait(lambda: portal.get("/v1/dead-letters").json["dead_letters"])
    from workers.replay import replay_some as go

    begin = portal.store.replays.begin

    def begin_and_run(*given: Any, **more: Any) -> Any:
        begun = begin(*given, **more)
        threading.Thread(target=go, args=(at_work.context, begun.id)).start()
        return begun

    monkeypatch.setattr(portal.store.replays, "begin", begin_and_run)
    result = run("dead", "retry", "--yes")
    assert result.exit_code == 1, result.output
    assert "1 of 1 could not be handled." in result.stderr


def _wait(met: Callable[[], Any]) -> None:
    turn = threading.Event()
    for _ in range(1000):
        if met():
            return
        turn.wait(0.02)
    raise AssertionError


def test_the_kinds_of_intents_are_those_that_workers_can_do() -> None:
    assert set(kinds()) == set(kind.kinds())


def test_statuses_are_taken_in_any_case(run: Run) -> None:
    for status in CompanyStatus:
        assert run("companies", "--status", status.lower()).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pause set platform Xero --reason x --weekday 1", "are of a --window"),
        ("pause set everything --reason x --timezone Europe/Paris", "are of a --window"),
        ("pause set everything --reason x --window 22:00", "two times of day"),
        ("pause set everything --reason x --window 22:00-25:00", "two times of day"),
        ("cadence set {} all daily --weekday 3", "--weekday is for weekly"),
        ("cadence set {} all weekly --day 3", "--day is for monthly"),
        ("cadence set {} all daily --cap 3", "--cap is for --catch-up all"),
        ("cadence set all all hourly --day 3", "--day is for monthly"),
        ("cadence next {} --platform Xero", "or choose some by a filter"),
        ("cadence next {} all --status Linked", "or choose some by a filter"),
        ("cadence remove {} bilz", "the nearest that is known is bills"),
        ("replay --abort x --continue y", "stand alone"),
        ("replay --abort x --company {}", "stand alone"),
        ("replay --continue x --preview", "stand alone"),
        ("statsu", "status"),
        ("recncile", "reconcile"),
    ],
)
def test_options_without_effect_are_refused(run, portal, words, said) -> None:
    before = portal.store.schedules.of(company_id(1)), portal.store.pauses.all()
    result = run(*words.format(company_id(1)).split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())
    assert (portal.store.schedules.of(company_id(1)), portal.store.pauses.all()) == before


def test_schedules_that_were_all_refused_are_not_saved(run, portal) -> None:
    result = run("cadence", "remove", company_id(1), "bills", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["saved"] is False


def test_nothing_fits_is_said_once(run, portal) -> None:
    result = run("sync", "now", "--status", "Blank", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "No linked company fits: nothing was done.\n"


def test_a_comparison_that_was_over_is_not_called_stopped(run, portal) -> None:
    begun = json.loads(run("reconcile", "--no-wait", "--json").stdout)["id"]
    assert run("reconcile", "abort", begun).exit_code == 0
    portal.store.client.hset(keys.RECONCILE + begun, "phase", "done")
    result = run("reconcile", "abort", begun)
    assert (result.exit_code, result.stderr) == (1, NOTHING_TO_STOP)


def test_a_demo_that_is_not_allowed_says_nothing_before(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    portal = Portal(relay_tokens=(f"vera:view:{OPERATOR}",))
    with commands(portal) as command:
        result = command("demo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "403" in result.stderr
