"""Look at messages that could not be handled."""

import click

from ops.api import Api, uses_api
from ops.groups import ListsByDefault
from ops.output import Columns, as_json, print_json, show_rows

COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "received": lambda row: row["received"],
    "type": lambda row: row["type"],
    "company": lambda row: row["company_id"],
    "reason": lambda row: row["reason"],
}


@click.group(cls=ListsByDefault)
def dead() -> None:
    """Look at messages that could not be handled; nothing of them is lost. Lists by default."""


@dead.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def list_dead(api: Api, limit: int, as_json: bool) -> None:
    """List them with the reason, newest first."""
    answer = api.get("/v1/dead-letters", limit=limit)
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["dead_letters"], COLUMNS, empty="Everything could be handled.")
