"""Set or remove schedules of many companies: those of a filter, or the lines of a CSV file."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from ops.api import Api, uses_api
from ops.coming import next_in_words
from ops.faults import Failed, NotAccepted
from ops.output import Columns, as_json, print_json, show_rows
from ops.selection import FILE, batched
from ops.work import bar

AT_ONCE = 500  # companies in one request
WEEK_HOURS = 168
NUMBERS = ("minute", "hour", "weekday", "day", "spread", "every", "cap", "fresh")
WORDS = ("cadence", "timezone", "catch_up")
NEEDED = ("company_id", "data_type", "cadence")
RESULTS: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "first run": lambda row: next_in_words({**row, "paused": None}),
    "refused": lambda row: row["error"],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One schedule to be set, and its definition as the API takes it; None removes it."""

    company_id: str
    data_type: str
    body: dict[str, Any] | None


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--preview", is_flag=True, help="Show what each line comes to without saving.")
@click.option("--yes", is_flag=True, help="Do not ask when Codat's limits would not cover it.")
@as_json
@uses_api
def import_schedules(*, api: Api, file: Path, preview: bool, yes: bool, as_json: bool) -> None:
    """Set the schedules of a CSV file with a head line.

    Columns: company_id, data_type, cadence, and as needed hour, minute, weekday, day, timezone,
    spread, every, catch_up, cap, fresh, off. The file is read whole before anything is set.
    """
    set_many(api, list(_lines(file)), preview=preview, yes=yes, as_json=as_json)


def set_many(
    api: Api, wanted: Sequence[Wanted], *, preview: bool, yes: bool, as_json: bool
) -> None:
    """Warn where Codat's limits would not cover it, then set; raises Failed if one was refused."""
    done, load = _send(api, wanted, "Looking", preview=True)
    warnings: list[str] = []
    if done:
        body = {"hours": WEEK_HOURS, "added": load}
        warnings = api.post("/v1/schedules/load", body)["warnings"]
    warn(warnings)
    if not preview:
        agree(warnings, yes=yes or as_json)
        done, _ = _send(api, wanted, "Setting schedules", preview=False)
    refused = sum(row["error"] is not None for row in done)
    if as_json:
        told = {"schedules": done, "saved": not preview, "refused": refused, "warnings": warnings}
        print_json(told)
    else:
        show_rows(done, RESULTS, empty="No company fits.")
        verb = "removed" if wanted and wanted[0].body is None else "set"
        word = f"would be {verb}" if preview else verb
        click.echo(f"{len(done) - refused} schedules {word}, {refused} refused.")
    if refused:
        raise Failed(f"{refused} of {len(done)} schedules were refused.")


def warn(warnings: Sequence[str]) -> None:
    """Show where Codat's limits would not cover the load."""
    for warning in warnings:
        click.secho(warning, fg="yellow", err=True)


def agree(warnings: Sequence[str], *, yes: bool) -> None:
    """Ask a person who was warned whether to go on; programs are only warned."""
    if warnings and not yes and sys.stdin.isatty():
        click.confirm("Save it all the same?", abort=True)


def _send(
    api: Api, wanted: Sequence[Wanted], what: str, *, preview: bool
) -> tuple[list[dict[str, Any]], list[int]]:
    """Send schedules that are alike together; give what each came to, in the order given."""
    groups: dict[tuple[str, bytes], list[str]] = {}
    for one in wanted:
        key = (one.data_type, orjson.dumps(one.body, option=orjson.OPT_SORT_KEYS))
        groups.setdefault(key, []).append(one.company_id)
    rows: dict[tuple[str, str, bytes], dict[str, Any]] = {}
    load = [0] * WEEK_HOURS
    with bar() as progress:
        task = progress.add_task(what, total=len(wanted), rate="")
        for (data_type, definition), ids in groups.items():
            for some in batched(ids, AT_ONCE):
                answer = _post(api, some, data_type, definition, preview=preview)
                for asked, row in zip(dict.fromkeys(some), answer["schedules"], strict=True):
                    rows[asked, data_type, definition] = row
                load = [a + b for a, b in zip(load, answer["load"], strict=True)]
                progress.advance(task, len(some))
    order = [
        (one.company_id, one.data_type, orjson.dumps(one.body, option=orjson.OPT_SORT_KEYS))
        for one in wanted
    ]
    return [rows[key] for key in dict.fromkeys(order)], load


def _post(
    api: Api, ids: Sequence[str], data_type: str, definition: bytes, *, preview: bool
) -> dict[str, Any]:
    body = {
        "companies": list(dict.fromkeys(ids)),
        "data_type": data_type,
        "schedule": orjson.loads(definition),
        "preview": preview,
    }
    try:
        answer: dict[str, Any] = api.post("/v1/schedules", body)
    except (NotAccepted, Failed) as error:
        refused = {"data_type": data_type, "next_due": None, "suspended": None, "off": False}
        rows = [{"company_id": one, **refused, "error": str(error)} for one in body["companies"]]
        return {"schedules": rows, "load": [0] * WEEK_HOURS}
    return answer


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
