"""Cadences, pauses, policy and load by command line for many companies: a filter, a file, all."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

import json
from pathlib import Path

import pytest

from cli.work import each
from relay.companies.company import Sync
from relay.times import now_ms
from support.commands import portal, run, schedule_of  # noqa: F401
from support.parts import company_id
from support.portal_bench import Portal, make_company

PRESENT = (1, 2, 3)  # the third is Unlinked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A CSV file that names the second and third company."""
    path = tmp_path / "some.csv"
    path.write_text(f"name,company_id\nB,{company_id(2)}\nC,{company_id(3)}\n\n")
    return path


def having(portal: Portal, data_type: str = "invoices") -> list[int]:
    return [number for number in PRESENT if schedule_of(portal, number, data_type)]


def answer(run, *words: str):
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_filter_or_a_file_narrows_what_is_set_and_removed(run, portal, file) -> None:
    setting = ("cadence", "set", "all", "invoices", "daily")
    run(*setting, "--status", "Unlinked")
    assert having(portal) == [3]
    run(*setting)
    assert having(portal) == [1, 2, 3]
    removing = ("cadence", "remove", "all", "invoices")
    preview = answer(run, *removing, "--file", str(file), "--preview")
    assert [row["company_id"] for row in preview["schedules"]] == [company_id(2), company_id(3)]
    assert having(portal) == [1, 2, 3]
    assert "2 schedules removed" in run(*removing, "--file", str(file)).output
    assert having(portal) == [1]
    assert answer(run, *removing)["schedules"][0]["company_id"] == company_id(1)
    assert having(portal) == []
    assert "No company fits" in run(*removing).output or "0 schedules" in run(*removing).output


def test_what_is_removed_of_one_company_must_be_there(run, portal) -> None:
    result = run("cadence", "remove", company_id(1), "invoices", "--json")
    assert result.exit_code == 1
    [row] = json.loads(result.stdout)["schedules"]
    assert row["error"] == "There is no such schedule."


def test_an_empty_file_and_a_filter_of_one_company_are_refused(run, portal, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("company_id\n")
    for words in (
        ("cadence", "set", "all", "invoices", "daily", "--file", str(empty)),
        ("cadence", "set", company_id(1), "invoices", "daily", "--platform", "Xero"),
        ("cadence", "remove", company_id(1), "invoices", "--status", "Linked"),
        ("sync", "now", "--file", str(empty)),
        ("cadence", "list", "--all", "--platform", "Xero"),
        ("resume",),
    ):
        assert run(*words).exit_code == 2, words
    assert having(portal) == []


def test_schedules_are_listed_for_some_and_the_next_come_first(run, portal, file) -> None:
    run("cadence", "set", "all", "invoices", "monthly")
    run("cadence", "set", company_id(2), "bills", "hourly")
    run("cadence", "set", company_id(3), "bills", "hourly")
    listed = answer(run, "cadence", "list", "--file", str(file))["schedules"]
    assert [row["data_type"] for row in listed] == ["bills", "invoices", "bills"]
    listed = answer(run, "cadence", "list", company_id(1))["schedules"]
    assert [row["company_id"] for row in listed] == [company_id(1)]
    coming = answer(run, "cadence", "next", "--file", str(file))["schedules"]
    assert {row["data_type"] for row in coming} == {"bills", "invoices"}
    dues = [row["next_due"] for row in coming]
    assert dues == sorted(dues)  # also in the last hour of a month, when it is the monthly one
    listed = answer(run, "cadence", "list", "--platform", "Xero")["schedules"]
    [first] = answer(run, "cadence", "next", "--platform", "Xero", "--limit", "1")["schedules"]
    assert first["next_due"] == min(row["next_due"] for row in listed if row["next_due"])


def test_a_schedule_over_the_budget_is_warned_of_first(run, portal, monkeypatch) -> None:
    monkeypatch.setattr("relay.syncs.load.CALLS_PER_SYNC", 60 * 900)  # one sync an hour is covered
    words = ("cadence", "set", "all", "invoices", "hourly")
    run("cadence", "set", company_id(1), "all", "hourly")
    for given in (words, ("cadence", "set", company_id(1), "bills", "hourly")):
        result = run(*given, "--preview")
        assert "The fullest hour holds" in result.stderr
    assert having(portal) == []
    assert answer(run, *words)["warnings"] != []
    assert having(portal) == [1, 2]
    assert answer(run, *words, "--preview")["warnings"][0].startswith("The fullest hour holds 3 ")
    removed = answer(run, "cadence", "remove", "all", "invoices", "--preview")
    assert not any("hour" in warning for warning in removed["warnings"])


def test_the_load_of_some_companies_is_shown_alone(run, portal, file) -> None:
    run("cadence", "set", "all", "invoices", "hourly")
    whole = answer(run, "cadence", "load")
    some = answer(run, "cadence", "load", "--file", str(file))
    assert (whole["schedules"], some["schedules"]) == (2, 1)
    assert some["total"] * 2 == whole["total"]
    assert run("cadence", "load", "--platform", "Xerro").exit_code == 2
    assert "Codat's limits cover 27,000 an hour" in run("cadence", "load").output


def test_the_policy_in_force_is_applied_to_some_after_a_preview(run, portal, file) -> None:
    preview = answer(run, "cadence", "policy", "--apply", "--preview", "--file", str(file))
    assert (preview["saved"], preview["preview"]["looked_at"]) == (False, 2)
    assert portal.store.intents.counts()["now"] == 0
    assert answer(run, "cadence", "policy", "--apply", company_id(1))["applied_to"] == 1
    assert answer(run, "cadence", "policy", "--apply", "--platform", "Xero")["applied_to"] == 3
    assert run("cadence", "policy", company_id(1)).exit_code == 2


def test_a_preview_of_a_long_file_is_of_all_its_companies(run, portal, tmp_path, monkeypatch):
    monkeypatch.setattr("cli.selection.MAX_IDS", 1)
    monkeypatch.setattr("cli.commands.cadence.policy.MAX_IDS", 1)
    # At the full hour: the week of a preview begins with the hour, and a run of it may be over.
    monkeypatch.setattr(
        "portal.api.policy.routes.now_ms", lambda: now_ms() // 3_600_000 * 3_600_000
    )
    path = tmp_path / "all.csv"
    path.write_text("\n".join(["company_id", *map(company_id, PRESENT)]))
    words = ("cadence", "policy", "--apply", "--file", str(path))
    preview = answer(run, *words, "--preview")["preview"]
    assert (preview["looked_at"], preview["companies"]) == (3, 3)
    assert preview["changes"] == {"given": 2}  # the third is not linked
    assert sum(preview["load"]) == 14
    assert len(preview["examples"]) == 2
    assert answer(run, *words)["applied_to"] == 3
    assert portal.store.intents.counts()["local"] == 3


@pytest.mark.parametrize("named", [True, False], ids=["a file", "all"])
def test_a_policy_over_the_budget_is_warned_of_first(run, portal, file, monkeypatch, named) -> None:
    monkeypatch.setattr("relay.syncs.load.CALLS_PER_SYNC", 60 * 3000)
    words = ("cadence", "policy", "--apply", *(("--file", str(file)) if named else ()))
    asked = []
    monkeypatch.setattr(
        "cli.commands.cadence.policy.agree", lambda warnings, *, yes: asked.append((warnings, yes))
    )
    result = run(*words)
    assert "The fullest hour holds" in result.stderr
    assert f"{2 if named else 3} existing companies are being brought to it" in result.output
    [(warnings, yes)] = asked
    assert warnings
    assert not yes


def test_progress_is_shown_on_a_terminal(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert each([1, 2], "Looking", str) == ["1", "2"]
    assert "Looking" in "".join(capsys.readouterr())


def test_pauses_are_previewed_set_for_a_file_and_ended_together(run, portal, file) -> None:
    run("cadence", "set", "all", "invoices", "daily")
    words = ("pause", "set", "platform", "Xero", "--reason", "x")
    assert "It would hold back 2 schedules." in run(*words, "--preview").output
    assert answer(run, "pause", "list")["pauses"] == []
    company = ("pause", "set", "company", "--reason", "x", "--file", str(file))
    assert answer(run, *company, "--preview")["pauses"][0]["holds_back"] == 1
    assert len(answer(run, *company)["pauses"]) == 2
    previewed, made = answer(run, *words, "--preview"), answer(run, *words)
    [listed] = [one for one in answer(run, "pause", "list")["pauses"] if one["id"] == made["id"]]
    assert [one["covers"] for one in (previewed, made, listed)] == [2, 2, 2]
    assert len(answer(run, "pause", "list")["pauses"]) == 3
    ended = answer(run, "resume", "--file", str(file), "--preview")
    assert (len(ended["pauses"]), ended["ended"]) == (2, False)
    assert "1 pauses" in run("resume", "--scope", "platform", "--value", "Xero").output
    assert "2 pauses" in run("resume", "--all").output
    assert answer(run, "pause", "list")["pauses"] == []
    assert run(*words, "--file", str(file)).exit_code == 2


def test_syncs_are_asked_for_the_companies_of_a_file(run, portal, file) -> None:
    shown = answer(run, "sync", "now", "--file", str(file), "--preview")
    assert shown["cost"]["companies"] == 2
    [one] = shown["not_linked"]
    assert one == {"company_id": company_id(3), "reason": "the company is Unlinked"}


def test_the_progress_of_a_companys_syncs_is_shown(run, portal) -> None:
    first = Sync("first", 1_767_600_000_000_000, total=28, done=7)
    portal.hold(make_company(4, syncs={"all": first}, stale=("bills",)))
    shown = run("sync", "show", company_id(4)).output
    assert "7 of 28 (25%)" in shown
    assert "Stale: bills" in shown
    assert answer(run, "sync", "show", company_id(4))["syncs"][0]["share"] == 0.25
