"""Set or remove schedules of many companies: those of a filter, or the lines of a CSV file."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError

from cli.client import Api, uses_api
from cli.coming import next_in_words
from cli.faults import Failed, NotAccepted
from cli.output import Columns, as_json, print_json, show_rows
from cli.selection import FILE, batched
from cli.work import NOBODY, each
from codat.records import read_id
from relay.files import BadFile, Record, read_table
from relay.nearest import hint_of
from relay.syncs.definition import Definition
from relay.syncs.policy import known_data_type

Piece = tuple[str, bytes, tuple[str, ...]]  # data type, definition and some companies
AT_ONCE = 500  # companies in one request
WEEK_HOURS = 168
NUMBERS = ("minute", "hour", "weekday", "day", "spread", "every", "cap", "fresh")
WORDS = ("cadence", "timezone", "catch_up")
NEEDED = ("company_id", "data_type", "cadence")
YES_NO = dict.fromkeys(("yes", "true", "1"), True) | dict.fromkeys(("no", "false", "0"), False)
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

    \b
    Examples:
      codat-relay cadence import schedules.csv --preview
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
        saved = not preview and refused < len(done)
        told = {"schedules": done, "saved": saved, "refused": refused, "warnings": warnings}
        print_json(told)
    else:
        show_rows(done, RESULTS, empty="No company fits.")
        verb = "removed" if wanted and wanted[0].body is None else "set"
        word = f"would be {verb}" if preview else verb
        click.echo(f"{len(done) - refused} schedules {word}, {refused} refused.")
    if refused:
        raise Failed(f"{refused} of {len(done)} schedules were refused.")
    if not (done or preview):
        raise Failed(NOBODY)


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

    def send(piece: Piece) -> None:
        data_type, definition, some = piece
        answer = _post(api, some, data_type, definition, preview=preview)
        for asked, row in zip(dict.fromkeys(some), answer["schedules"], strict=True):
            rows[asked, data_type, definition] = row
        load[:] = [a + b for a, b in zip(load, answer["load"], strict=True)]

    pieces: list[Piece] = [
        (data_type, definition, some)
        for (data_type, definition), ids in groups.items()
        for some in batched(ids, AT_ONCE)
    ]
    each(pieces, what, send, lambda piece: len(piece[2]), changes=not preview)
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
        if preview and isinstance(error, NotAccepted):  # the values are wrong, for every company
            raise
        refused = {"data_type": data_type, "next_due": None, "suspended": None, "off": False}
        rows = [{"company_id": one, **refused, "error": str(error)} for one in body["companies"]]
        return {"schedules": rows, "load": [0] * WEEK_HOURS}
    return answer


def _lines(file: Path) -> Iterator[Wanted]:
    """Read what each line wants, every line judged as the API would; raises BadFile."""
    seen: dict[tuple[str, str], str] = {}
    for line in read_table(file, NEEDED, COLUMNS):
        one = _wanted(line)
        before = seen.setdefault((one.company_id, one.data_type), line.where)
        if before != line.where:
            raise BadFile(f"{line.where}: sets the same schedule as {before}")
        yield one


def _wanted(line: Record) -> Wanted:
    given = dict(line.cells)
    company_id = read_id(given.pop("company_id"))
    if company_id is None:
        raise BadFile(f"{line.where}: {line.cells['company_id'][:64]!r} is not a company's id")
    try:
        data_type = known_data_type(given.pop("data_type"))
        body = {name: CONVERT[name](value) for name, value in given.items()}
        Definition.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ") + hint_of(first)
        raise BadFile(f"{line.where}: {'.'.join(map(str, first['loc']))} {said}".rstrip()) from None
    except ValueError as error:
        raise BadFile(f"{line.where}: {error}") from None
    return Wanted(company_id, data_type, body)


def _number(text: str) -> int:
    """Read a whole number, as spreadsheets write it too; raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", text):
        raise ValueError(f"{text[:20]!r} is not a whole number")
    return int(text.partition(".")[0])


def _is_off(text: str) -> bool:
    word = text.casefold()
    if word not in YES_NO:
        raise ValueError(f"off takes yes or no, not {text[:20]!r}")
    return YES_NO[word]


CONVERT: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(WORDS, str),
    "off": _is_off,
}
COLUMNS = (*NEEDED[:2], *CONVERT)
