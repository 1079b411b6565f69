"""Read the event log, and follow it."""

from collections.abc import Iterator
from typing import Any

import click
import orjson

from cli.client import Api, refuse_unknown, uses_api
from cli.output import Columns, as_json, print_json, show_rows
from relay.store.log.encoded import one_line

ORDER = 50
PAGE = 500
WAIT = 20  # seconds per long poll
MAX_DATA = 160  # characters
COLUMNS: Columns = {
    "number": lambda row: row["id"],
    "time": lambda row: row["time"],
    "type": lambda row: row["type"],
    "company": lambda row: row.get("subject", ""),
    "data": lambda row: orjson.dumps(row["data"]).decode()[:MAX_DATA],
}


@click.command()
@click.option("--after", default=0, type=click.IntRange(0), help="Only events above this number.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--type", "types", multiple=True, help="Only this type; a closing * takes the rest.")
@click.option("--company", help="Only this company's.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on.")
@as_json
@uses_api
def events(
    *,
    api: Api,
    after: int,
    limit: int,
    types: tuple[str, ...],
    company: str | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the log of everything that happened, in its one order.

    With --follow one line is printed per event until Ctrl-C, with --json one JSON object a line.

    \b
    Examples:
      codat-relay events --follow
      codat-relay events --type 'sync.*' --after 1042 --json
    """
    wanted = {"type": list(types), "company": company}
    if follow:
        _follow(api, after, wanted, as_json)
        return
    found: list[dict[str, Any]] = []
    for page in _pages(api, after, wanted):
        found += page
        if len(found) >= limit:
            break
    if not found:
        refuse_unknown(api, company)
    if as_json:
        print_json({"events": found[:limit]})
    else:
        show_rows(found[:limit], COLUMNS, empty="Nothing has happened yet.")


def _pages(api: Api, after: int, wanted: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield page after page up to the end of the log."""
    cursor = str(after)
    while True:
        page = api.get("/v1/events", after=cursor, limit=PAGE, **wanted)
        yield page["events"]
        # An empty page may still have moved the cursor: a filter left everything out.
        if page["cursor"] == cursor:
            return
        cursor = page["cursor"]


def _follow(api: Api, after: int, wanted: dict[str, Any], as_json: bool) -> None:
    cursor, epoch = str(after), None
    try:
        while True:
            page = api.get("/v1/events", after=cursor, epoch=epoch, limit=PAGE, wait=WAIT, **wanted)
            for event in page["events"]:
                click.echo(one_line(orjson.dumps(event)).decode() if as_json else _line(event))
            cursor, epoch = page["cursor"], page["epoch"]
    except KeyboardInterrupt:
        return


def _line(event: dict[str, Any]) -> str:
    return "  ".join(str(cell(event)) for cell in COLUMNS.values())
