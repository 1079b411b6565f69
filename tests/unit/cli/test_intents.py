"""Run-now, re-read and running again by command line: preview, question, progress, exit codes."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from relay.store.companies import reconciliations
from relay.store.companies.reconciliations import Phase
from relay.store.intents.queue import NewIntent, Priority
from relay.times import now_ms
from support.commands import Run, portal, run  # noqa: F401
from support.parts import company_id
from support.portal_bench import Portal

INFO = [f"info:{company_id(number)}" for number in (1, 2)]


@pytest.fixture
def worker(portal: Portal) -> Iterator[Callable[[str], None]]:
    """Ends whatever is due with one verdict, as a worker would."""
    stopping, threads = threading.Event(), []

    def work(verdict: str) -> None:
        while not stopping.wait(0.02):
            end(portal, verdict)

    def begin(verdict: str) -> None:
        threads.append(threading.Thread(target=work, args=(verdict,)))
        threads[-1].start()

    yield begin
    stopping.set()
    for thread in threads:
        thread.join()


def end(portal: Portal, verdict: str) -> None:
    now = now_ms()
    for intent in portal.store.intents.claim(
        now=now, lease_ms=1000, limit=10, priorities=tuple(Priority)
    ):
        portal.store.intents.finish(intent, verdict, now=now, lane=0, error="refused")


def waiting(portal: Portal) -> list[str]:
    return sorted(record.name for record in portal.store.intent_list.walk("waiting", 100))


def give_up(portal: Portal) -> None:
    needs = [NewIntent(name, name[5:], Priority.NOW, 1, "test") for name in INFO]
    portal.store.intents.put(needs, now_ms())
    end(portal, "dead")


def test_a_sync_of_one_company_asks_no_question(run: Run, portal: Portal) -> None:
    result = run("sync", "now", company_id(1), "--data-type", "invoices", "--no-wait")
    assert (result.exit_code, result.output) == (0, "1 left.\n")
    [name] = waiting(portal)
    assert name.startswith(f"sync:{company_id(1)}:invoices:now-")


def test_what_concerns_many_is_previewed_and_asked_about(run: Run, portal: Portal) -> None:
    preview = run("sync", "now", "--platform", "Xero", "--preview")
    assert (preview.exit_code, preview.output) == (0, "2 companies, at least 4 calls to Codat.\n")
    refused = run("reread", "--all", "--no-wait", input="n\n")
    assert (refused.exit_code, waiting(portal)) == (1, [])
    assert "3 companies, at least 3 calls" in refused.output
    assert run("reread", "--status", "Unlinked", "--no-wait", input="y\n").exit_code == 0
    assert waiting(portal) == [f"reread:{company_id(3)}"]


@pytest.mark.parametrize(
    "words",
    [("sync", "now"), ("reread", "--all", company_id(1)), ("intents", "retry"),
     ("intents", "retry", "--all", "--kind", "info"), ("reread", "../x"),
     ("reconcile", "--company", company_id(1), "--status", "Linked")],
)  # fmt: skip
def test_who_or_what_is_meant_must_be_said_once(run: Run, words) -> None:
    assert run(*words).exit_code == 2


def test_it_is_followed_until_all_is_done(run: Run, worker) -> None:
    worker("done")
    result = run("reread", "--all", "--yes")
    assert (result.exit_code, result.output) == (0, "3 done.\n")
    answer = json.loads(run("reread", "--all", "--json").output)
    assert (answer["left"], answer["cost"]["calls"]) == (3, 3)


def test_what_is_given_up_is_said_by_the_exit_code(run: Run, worker) -> None:
    worker("dead")
    result = run("reread", company_id(1))
    assert result.exit_code == 1
    assert "1 of 1 were not done. 1: refused." in result.stderr
    assert f"reread:{company_id(1)}\trefused" in result.stdout


def test_a_spent_day_is_said_instead_of_waited_for(run: Run, portal: Portal) -> None:
    now = now_ms()
    portal.store.budget.ended("c", None, now=now, limit=100, remaining=5, reset=now + 10**7)
    result = run("reread", company_id(1))
    assert result.exit_code == 1
    assert "0 of 1 done; the rest goes on by itself from " in result.stderr
    assert waiting(portal) == [f"reread:{company_id(1)}"]


def test_dead_intents_are_listed_and_run_again(run: Run, portal: Portal, worker) -> None:
    give_up(portal)
    listed = json.loads(run("intents", "--state", "dead", "--json").output)
    assert sorted(one["name"] for one in listed["intents"]) == INFO
    table = run("intents", "--state", "dead", "--kind", "info", "--company", company_id(2))
    assert [line.split("\t")[0] for line in table.output.splitlines()] == ["name", INFO[1]]
    assert run("intents", "retry", INFO[0], "info:unknown").exit_code == 2
    assert run("intents", "retry", INFO[0], "--no-wait").output == "1 left.\n"
    assert waiting(portal) == [INFO[0]]
    preview = run("intents", "retry", "--all", "--preview").output
    assert preview == "1 companies, at least 1 calls to Codat.\n"
    worker("done")
    result = run("intents", "retry", "--kind", "info", "--yes")
    assert (result.exit_code, result.output) == (0, "1 done.\n")
    assert portal.store.intents.counts()["dead"] == 0


def test_a_reconciliation_shows_differences_by_type_and_hour(run: Run, portal: Portal) -> None:
    assert run("reconcile", "show").exit_code == 1
    begun = json.loads(run("reconcile", "--no-wait", "--json").output)
    runs = portal.store.reconciles
    runs.note(begun["id"], **{"missed:connection.disconnected:2026-01-05T09": 7})
    shown = run("reconcile", "show").output
    assert begun["id"] in shown
    assert "missed:connection.disconnected\t2026-01-05T09:00:00.000Z\t7" in shown
    assert run("reconcile", "show", "unknown").exit_code == 1
    assert run("reconcile", "abort", begun["id"]).output == f"{begun['id']} is aborted.\n"


def test_a_reconciliation_that_met_too_many_gone_says_what_to_do(
    run: Run, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = portal.store.reconciles
    begin = runs.begin

    def begin_and_stop(run: str, **more: Any) -> tuple[str, bool]:
        begun = begin(run, **more)
        runs.note(run, gone=21)
        return begun if runs.end(found(run), Phase.STOPPED, now_ms()) else ("", False)

    def found(run: str) -> reconciliations.Run:
        held = runs.get(run)
        assert held is not None
        return held

    monkeypatch.setattr(runs, "begin", begin_and_stop)
    result = run("reconcile")
    assert result.exit_code == 1
    assert "does not know 21 companies" in result.output
    assert "--accept-deletions" in result.output
    monkeypatch.setattr(runs, "begin", begin)
    accepted = json.loads(run("reconcile", "--accept-deletions", "--no-wait", "--json").output)
    assert found(accepted["id"]).accepts_deletions
    shown = json.loads(run("reconcile", "show", accepted["id"], "--json").output)
    assert (shown["accept_deletions"], shown["gone"]) == (True, 0)


def test_a_reconciliation_of_a_filter_costs_a_call_each(run: Run) -> None:
    preview = run("reconcile", "--platform", "Xero", "--status", "Linked", "--preview")
    assert preview.output == "2 companies, at least 2 calls to Codat.\n"
