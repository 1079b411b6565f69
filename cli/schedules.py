"""Set many schedules at once, and list those of some companies."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import orjson

from cli.client import Api
from cli.faults import Failed, NotAccepted
from cli.next_run import next_in_words
from cli.output import Columns, print_json, show_rows
from cli.selection import Chosen, batched
from cli.work import NO_COMPANY, bar, each

Piece = tuple[str, bytes, tuple[str, ...]]  # data type, definition and some companies
BATCH_SIZE = 500  # companies in one request
READ_BATCH_SIZE = 15
WEEK_HOURS = 168
RESULTS: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "first run": lambda row: next_in_words({**row, "paused": None}),
    "refused": lambda row: row["error"],
}


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """A schedule to set; `body` is its definition as the API takes it, None removes it."""

    company_id: str
    data_type: str
    body: dict[str, Any] | None


def set_many(
    api: Api, wanted: Sequence[ScheduleChange], *, preview: bool, yes: bool, as_json: bool
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
        result = {"schedules": done, "saved": saved, "refused": refused, "warnings": warnings}
        print_json(result)
    else:
        show_rows(done, RESULTS, empty="No company fits.")
        verb = "removed" if wanted and wanted[0].body is None else "set"
        word = f"would be {verb}" if preview else verb
        click.echo(f"{len(done) - refused} schedules {word}, {refused} refused.")
    if refused:
        raise Failed(f"{refused} of {len(done)} schedules were refused.")
    if not (done or preview):
        raise Failed(NO_COMPANY)


def warn(warnings: Sequence[str]) -> None:
    """Show where Codat's limits would not cover the load."""
    for warning in warnings:
        click.secho(warning, fg="yellow", err=True)


def agree(warnings: Sequence[str], *, yes: bool) -> None:
    """Ask a person who was warned whether to go on; programs are only warned."""
    if warnings and not yes and sys.stdin.isatty():
        click.confirm("Save it all the same?", abort=True)


def _send(
    api: Api, wanted: Sequence[ScheduleChange], what: str, *, preview: bool
) -> tuple[list[dict[str, Any]], list[int]]:
    """Send schedules that are alike together; return each result, in the order given."""
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
        for some in batched(ids, BATCH_SIZE)
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


def schedules_of(api: Api, chosen: Chosen, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return all schedules of the companies, in their order."""
    ids, rows = chosen.ids(api), list[dict[str, Any]]()
    with bar() as progress:
        task = progress.add_task("Reading", total=len(ids), rate="")
        for some in batched(ids, READ_BATCH_SIZE):
            rows += api.get("/v1/schedules", company=some, **wanted)["schedules"]
            progress.advance(task, len(some))
    return {"schedules": rows}
