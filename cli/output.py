"""How listings are shown: a table for people, tab-separated lines for pipes, JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "Linked": "green",
    "Deauthorised": "red",
    "Deauthorized": "red",
    "Unlinked": "yellow",
    "PendingAuth": "cyan",
    "Deleted": "dim",
    "ok": "green",
    "wrong": "red",
    "unsure": "yellow",
}

Columns = Mapping[str, Callable[[Mapping[str, Any]], object]]  # head -> what a row shows there

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Columns,
    *,
    title: str | None = None,
    empty: str = "There are none.",
) -> None:
    """Show rows as a table on a terminal, else as tab-separated lines with a head."""
    console = Console()
    cells = [[_text(cell(row)) for cell in columns.values()] for row in rows]
    if not console.is_terminal:
        for line in [list(columns), *cells]:
            click.echo("\t".join(line))
        return
    if not rows:
        console.print(empty)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console.print(table)


def show_facts(facts: Mapping[str, object]) -> None:
    """Show names and values, one pair a line, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {_text(value)}")


def _text(value: object) -> str:
    """Write a value on one line, harmless to a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "-"
    text = " ".join(str(value).split("\n"))
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
