"""Cadences by command line, against a served portal: one, many, by CSV, with preview and load."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

import json
import re

import pytest

from relay.syncs.schedule import Cadence
from support.commands import Run, portal, run, schedule_of  # noqa: F401
from support.parts import company_id
from support.portal_bench import Portal


def test_one_schedule_is_set_and_its_next_runs_shown(run: Run, portal: Portal) -> None:
    words = ("cadence", "set", company_id(1), "invoices", "hourly", "--every", "6", "--at", "01:30")
    result = run(*words, "--catch-up", "skip")
    assert result.exit_code == 0, result.output
    assert result.output.count("T") >= 5
    schedule = schedule_of(portal, 1)
    assert (schedule.every, schedule.catch_up) == (6, "skip")
    shown = run("cadence", "next", company_id(1), "invoices")
    assert {line[11:16] for line in shown.output.split()} == {"01:30", "07:30", "13:30", "19:30"}


def test_all_linked_companies_are_set_at_once(run: Run, portal: Portal) -> None:
    words = ("cadence", "set", "all", "invoices", "weekly", "--json")
    preview = run(*words, "--preview", "--platform", "Xero")
    assert json.loads(preview.stdout)["saved"] is False
    assert schedule_of(portal, 1) is None
    assert len(json.loads(run(*words, "--platform", "Xero").stdout)["schedules"]) == 2
    assert [schedule_of(portal, n) is not None for n in (1, 2, 3)] == [True, True, False]
    unknown = run(*words, "--platform", "Xeroo")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "the nearest that is known is Xero" in unknown.stderr


def test_the_lines_of_a_csv_file_are_set(run: Run, portal: Portal, tmp_path) -> None:
    file = tmp_path / "cadences.csv"
    file.write_text(
        "company_id,data_type,cadence,hour,timezone,off\n"
        f"{company_id(1)},invoices,daily,6,Europe/London,\n"
        f"{company_id(2)},invoices,monthly,,,yes\n"
    )
    assert "2 schedules would be set" in run("cadence", "import", str(file), "--preview").output
    assert schedule_of(portal, 1) is None
    assert run("cadence", "import", str(file)).exit_code == 0
    assert (schedule_of(portal, 1).anchor.hour, schedule_of(portal, 1).zone) == (6, "Europe/London")
    assert (schedule_of(portal, 2).cadence, schedule_of(portal, 2).off) == (Cadence.MONTHLY, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("company_id,data_type\n", "no column cadence"),
        ("company_id,data_type,cadence,color\nx,all,daily,red\n", "line 1: 'color'"),
        (
            "company_id,data_type,cadence,hour\nx,all,daily,six\n",
            "line 2: 'six' is not a whole number",
        ),
        ("company_id,data_type,cadence\n,all,daily\n", "line 2: company_id is missing"),
    ],
)
def test_a_csv_file_that_cannot_be_meant_sets_nothing(run: Run, tmp_path, text, said) -> None:
    file = tmp_path / "cadences.csv"
    file.write_text(text)
    result = run("cadence", "import", str(file))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_refused_line_is_named_and_stops_no_other(run, portal, tmp_path) -> None:
    file = tmp_path / "cadences.csv"
    lines = [f"{company_id(9)},all,daily", f"{company_id(1)},invoices,daily"]
    file.write_text("\n".join(["company_id,data_type,cadence", *lines]))
    result = run("cadence", "import", str(file), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["refused"] == 1
    assert schedule_of(portal, 1) is not None


def test_the_coming_hours_are_shown_as_bars(run: Run) -> None:
    run("cadence", "set", "all", "all", "hourly")
    result = run("cadence", "load", "--hours", "3")
    lines = [line for line in result.output.splitlines() if "\N{FULL BLOCK}" * 40 in line]
    assert len(lines) >= 2
    assert all(re.match(r"[0-9-]{10}T[0-9:]{8}\.000Z  ", line) and len(line) < 80 for line in lines)
    answer = json.loads(run("cadence", "load", "--json").stdout)
    assert (len(answer["hours"]), answer["schedules"], answer["warnings"]) == (24, 2, [])
    assert answer["total"] in (46, 48)


def test_a_policy_is_previewed_and_set_from_a_file(run: Run, portal: Portal, tmp_path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rules]]\nplatform = "Xero"\nschedule = { cadence = "hourly" }\n')
    shown = run("cadence", "policy", "--set", str(file), "--preview")
    assert "companies looked at" in shown.output
    assert run("cadence", "policy", "--set", str(file), "--apply").exit_code == 0
    assert json.loads(run("cadence", "policy", "--json").stdout)["origin"] == "api"
    assert portal.store.intents.counts()["local"] == 3


def test_a_pause_is_set_listed_and_ended(run: Run, portal: Portal) -> None:
    words = ("pause", "set", "platform", "Xero", "--reason", "migration")
    window = ("--window", "22:00-06:00", "--weekday", "5", "--timezone", "Europe/London")
    pause = json.loads(run(*words, *window, "--json").stdout)
    assert (pause["window"]["start"], pause["window"]["weekdays"]) == ("22:00", [5])
    assert "migration" in run("pause").output
    narrow = run("pause", "set", "data_type", "invoices", "--reason", "x", "--preview")
    assert "does not hold them back" in narrow.stderr
    run("cadence", "set", company_id(1), "invoices", "hourly")
    audit = json.loads(run("pause", "set", "everything", "--reason", "an audit", "--json").stdout)
    for shown in (
        run("cadence", "list"),
        run("cadence", "next", company_id(1), "invoices"),
        run("companies", "show", company_id(1)),
    ):
        assert "paused until it is ended by" in shown.output
        assert "(everything: an audit)" in shown.output
    run("resume", audit["id"])
    assert run("resume", pause["id"]).exit_code == 0
    assert run("resume", "../x").exit_code == 1
    assert json.loads(run("pause", "list", "--json").stdout)["pauses"] == []
