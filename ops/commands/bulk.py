"""Set schedules for many companies: those a filter names, or the lines of a CSV file."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from ops.api import Api, uses_api
from ops.commands.companies import path_part
from ops.faults import Failed, NotAccepted
from ops.output import Columns, as_json, print_json, show_rows

PAGE = 500
NUMBERS = ("minute", "hour", "weekday", "day", "spread", "every", "cap", "fresh")
WORDS = ("cadence", "timezone", "catch_up")
NEEDED = ("company_id", "data_type", "cadence")
RESULTS: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "first run": lambda row: row["next_due"] or row["suspended"],
    "refused": lambda row: row["error"],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One schedule to be set, and its definition as the API takes it."""

    company_id: str
    data_type: str
    body: dict[str, Any]


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", is_flag=True, help="Show what each line comes to without saving.")
@as_json
@uses_api
def import_schedules(*, api: Api, file: Path, preview: bool, as_json: bool) -> None:
    """Set the schedules of a CSV file with a head line.

    Columns: company_id, data_type, cadence, and as needed hour, minute, weekday, day, timezone,
    spread, every, catch_up, cap, fresh, off. The file is read whole before anything is set.
    """
    set_many(api, list(_lines(file)), preview=preview, as_json=as_json)


def set_for_all(
    api: Api,
    data_type: str,
    body: dict[str, Any],
    platform: str | None,
    *,
    preview: bool,
    as_json: bool,
) -> None:
    """Set one definition for all linked companies, or those on one platform."""
    found = api.pages("/v1/companies", "companies", status="Linked", platform=platform, limit=PAGE)
    set_many(
        api, [Wanted(c["id"], data_type, body) for c in found], preview=preview, as_json=as_json
    )


def set_many(api: Api, wanted: list[Wanted], *, preview: bool, as_json: bool) -> None:
    """Set schedules one after another and show what each came to; raises Failed if one did not."""
    done = [_set(api, one, preview=preview) for one in _tracked(wanted)]
    refused = sum(row["error"] is not None for row in done)
    if as_json:
        print_json({"schedules": done, "saved": not preview, "refused": refused})
    else:
        show_rows(done, RESULTS, empty="No company fits.")
        word = "would be set" if preview else "set"
        click.echo(f"{len(done) - refused} schedules {word}, {refused} refused.")
    if refused:
        raise Failed(f"{refused} of {len(done)} schedules were refused.")


def _set(api: Api, one: Wanted, *, preview: bool) -> dict[str, Any]:
    path = f"/v1/schedules/{path_part(one.company_id)}/{path_part(one.data_type)}"
    row = {"company_id": one.company_id, "data_type": one.data_type, "error": None}
    try:
        answer = api.put(path, one.body, preview=str(preview).lower())
    except (NotAccepted, Failed) as error:
        return row | {"next_due": None, "suspended": None, "error": str(error)}
    return row | {"next_due": answer["next_due"], "suspended": answer["suspended"]}


def _tracked(wanted: list[Wanted]) -> Iterable[Wanted]:
    return track(wanted, "Setting schedules", console=Console(stderr=True), transient=True)


def _lines(file: Path) -> Iterator[Wanted]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise click.BadParameter(f"{file} has no column {', '.join(missing)}.")
        for line in reader:
            yield _wanted(line, f"{file} line {reader.line_num}")


def _wanted(line: dict[str, str | None], where: str) -> Wanted:
    given = {name: value.strip() for name, value in line.items() if value and value.strip()}
    convert: dict[str, Callable[[str], object]] = {
        **dict.fromkeys(NUMBERS, int),
        **dict.fromkeys(WORDS, str),
        "off": lambda word: word.lower() in ("yes", "true", "1"),
    }
    try:
        body = {name: convert[name](given[name]) for name in given if name not in NEEDED[:2]}
        return Wanted(given["company_id"], given["data_type"], body)
    except KeyError as error:
        raise click.BadParameter(f"{where}: {error} is missing or not known.") from None
    except ValueError as error:
        raise click.BadParameter(f"{where}: {error}.") from None
