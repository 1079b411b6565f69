"""End pauses."""

from pathlib import Path
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, uses_api
from cli.commands.pause import COLUMNS
from cli.faults import Failed
from cli.output import as_json, print_json, show_rows
from cli.selection import FILE, ids_in
from cli.work import each
from relay.nearest import hint
from relay.syncs.pause import Scope

ORDER = 80


@click.command()
@click.argument("pause_ids", metavar="[PAUSE]...", nargs=-1)
@click.option("--scope", type=OneOf(Scope), help="Those of it.")
@click.option("--value", help="With --scope: the platform, tag, company or data type.")
@click.option("--file", type=FILE, help="Those of the companies of a CSV file.")
@click.option("--all", "everything", is_flag=True, help="Every pause.")
@click.option("--preview", is_flag=True, help="Show which would end.")
@as_json
@uses_api
def resume(
    *,
    api: Api,
    pause_ids: tuple[str, ...],
    scope: str | None,
    value: str | None,
    file: Path | None,
    everything: bool,
    preview: bool,
    as_json: bool,
) -> None:
    """End pauses: those named, of a scope, of a file's companies, or all.

    `codat-relay pause` lists those there are.

    \b
    Examples:
      codat-relay resume --scope platform --value Xero
      codat-relay resume --all --preview
    """
    if [bool(pause_ids), bool(scope), bool(file), everything].count(True) != 1:
        raise click.UsageError("Name pauses, or give --scope, or a --file, or --all.")
    if value is not None and scope is None:
        raise click.UsageError("--value goes with --scope.")
    companies = set(ids_in(file)) if file else set()
    there = api.get("/v1/pauses")["pauses"]
    found = [
        pause
        for pause in there
        if everything
        or pause["id"] in pause_ids
        or (pause["scope"] == scope and value in (None, pause["value"]))
        or (pause["scope"] == Scope.COMPANY and pause["value"] in companies)
    ]
    if missing := sorted(set(pause_ids) - {pause["id"] for pause in found}):
        near = hint(missing[0], [pause["id"] for pause in there])
        raise Failed(f"There is no pause {', '.join(missing)}{near}.")
    if value is not None and not found:
        near = hint(value, [pause["value"] for pause in there if pause["scope"] == scope])
        raise Failed(f"No pause is of the {scope} {value}{near}.")
    if not preview:
        each(found, "Ending", lambda pause: api.delete(f"/v1/pauses/{pause['id']}"))
    if as_json:
        print_json({"pauses": found, "ended": bool(found) and not preview})
    elif found or preview:
        _show_ended(found, preview=preview)
    elif everything:
        click.echo("Nothing is paused.")
    if not (found or preview or everything):
        raise Failed("No pause fits: nothing was ended.")


def _show_ended(found: list[dict[str, Any]], *, preview: bool) -> None:
    show_rows(found, COLUMNS, empty="Nothing is paused so.")
    held = sum(pause["holds_back"] for pause in found)
    word = "would fall" if preview else "fall"
    click.echo(f"{len(found)} pauses; {held:,} schedules that they held back {word} due again.")
