"""The demo's story, its listings and its lines."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.commands.config import shown
from cli.demo.story import Character, gaps, lines
from cli.output import show_rows
from cli.runner.lines import Lines, readable

DUMMY, REAL = "Pending 1", "Kestrel Motors"


def event(number: int, type_: str, subject: str = "c-1", **data: Any) -> dict[str, Any]:
    time = "2026-01-02T03:04:05Z"
    return {"id": str(number), "type": type_, "subject": subject, "time": time, "data": data}


def test_a_company_has_arrived_when_linked_renamed_and_synced() -> None:
    one = Character("c-1", DUMMY)
    one.sees(event(1, "company.status_changed", previous="Blank", current="Linked"))
    one.sees(event(2, "company.renamed", previous=DUMMY, current=REAL))
    assert not one.has_arrived()
    one.sees(event(3, "sync.completed", data_type="invoices"))
    assert one.has_arrived()
    one.sees(event(4, "company.status_changed", previous="Linked", current="Deauthorised"))
    assert not one.has_arrived()


def test_a_schedule_has_synced_once_its_period_is_completed() -> None:
    one = Character("c-1", DUMMY)
    one.sees(event(1, "sync.completed", data_type="invoices", period="first"))
    one.sees(event(2, "sync.requested", data_type="invoices", period="2026-01-02T03"))
    assert not one.has_synced_on_schedule()
    one.sees(event(3, "sync.completed", data_type="invoices", period="2026-01-02T03"))
    assert one.has_synced_on_schedule()


def test_a_period_stands_at_the_end_of_its_line() -> None:
    sync = event(1, "sync.requested", data_type="invoices", period="2026-01-02T03")
    assert lines([sync], {"c-1": DUMMY})[0].endswith("invoices, period 2026-01-02T03")


def test_the_story_keeps_the_logs_order_and_leaves_strangers_out() -> None:
    told = lines(
        [
            event(7, "company.created"),
            event(8, "company.created", subject="stranger"),
            event(9, "company.renamed", previous=DUMMY, current=REAL),
        ],
        {"c-1": DUMMY},
    )
    assert [line.split()[0] for line in told] == ["7", "9"]
    assert repr(REAL) in told[1]


def test_data_types_synced_one_after_another_share_a_line() -> None:
    kinds = ("company", "invoices", "bills", "bills")
    events = [event(n, "sync.completed", data_type=kind) for n, kind in enumerate(kinds, 1)]
    told = lines([*events, event(9, "company.info_fetched")], {"c-1": DUMMY})
    assert len(told) == 2
    assert told[0].endswith("company and 2 more data types")


def test_a_missing_number_is_a_gap() -> None:
    log = [event(n, "company.created") for n in (5, 6, 8)]
    assert gaps(log, after=4) == [7]
    assert gaps(log, after=3) == [4, 7]
    assert gaps([], after=3) == []


def test_json_logs_are_readable_on_a_terminal() -> None:
    line = '{"event":"webhook.taken","level":"info","timestamp":"2026-01-02T03:04:05Z","lane":3}'
    assert readable(line).plain == "03:04:05 webhook.taken lane=3"
    assert readable("not json {").plain == "not json {"


def test_lines_are_named_and_aligned_on_a_terminal_only() -> None:
    shown = io.StringIO()
    terminal = Lines(Console(file=shown, force_terminal=True, color_system=None), ["web", "sched"])
    terminal.line("web", "[bold]hello")
    terminal.line("sched", "there")
    assert shown.getvalue() == "web   | [bold]hello\nsched | there\n"
    piped = io.StringIO()
    Lines(Console(file=piped), ["web"]).line("web", '{"event": "[bold]x"}')
    assert piped.getvalue() == '{"event": "[bold]x"}\n'


def test_a_listing_in_a_pipe_is_one_tab_separated_line_per_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"name": "two\nlines \x1b[31m", "there": True, "none": None}]
    columns = {name: lambda row, name=name: row[name] for name in rows[0]}
    show_rows(rows, columns)
    head, row = capsys.readouterr().out.splitlines()
    assert head == "name\tthere\tnone"
    assert row == "two lines \N{REPLACEMENT CHARACTER}[31m\tyes\t-"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("redis://:pa@ss@host:1/0", "redis://[hidden]@host:1/0"),
        ("redis://host:1/0", "redis://host:1/0"),
        (".relay", ".relay"),
    ],
)
def test_a_password_in_an_address_is_masked(address: str, masked: str) -> None:
    assert shown(address) == masked
