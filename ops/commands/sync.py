"""Request syncs now, and see how far they have come."""

from collections.abc import Mapping
from typing import Any

import click

from ops.api import Api, uses_api
from ops.commands.companies import path_part
from ops.output import Columns, as_json, print_json, show_rows
from ops.selection import Chosen, chooses
from ops.work import leave, leaves


def _share(row: Mapping[str, Any]) -> str:
    share = "" if row["share"] is None else f" ({row['share']:.0%})"
    return f"{row['done']} of {row['total']}{share}"


SYNCS: Columns = {
    "data type": lambda row: row["data_type"],
    "period": lambda row: row["period"],
    "state": lambda row: row["state"],
    "done": _share,
    "failed": lambda row: row["failed"],
    "requested": lambda row: row["requested"],
    "ended": lambda row: row["ended"],
}


@click.group()
def sync() -> None:
    """Request syncs now, whatever the cadence, and see how they come on."""


@sync.command()
@chooses
@click.option("--data-type", default="all", show_default=True, help="Such as invoices.")
@leaves
@as_json
@uses_api
def now(*, api: Api, chosen: Chosen, data_type: str, **how: Any) -> None:
    """Ask Codat to sync companies now: those named, the linked ones of a filter, or all.

    A call to Codat each, for all data types at least two. The outcome comes as events:
    `codat-relay events --type 'sync.*'`.
    """
    for part in chosen.parts():
        body = part.body() | {"data_type": data_type}
        leave(api, "/v1/syncs", body, "left", named=bool(chosen.companies), **how)


@sync.command()
@click.argument("company_id", metavar="COMPANY")
@as_json
@uses_api
def show(api: Api, company_id: str, as_json: bool) -> None:
    """Show how far COMPANY's first and latest syncs have come, and what is stale."""
    answer = api.get(f"/v1/companies/{path_part(company_id)}/syncs")
    if as_json:
        print_json(answer)
        return
    show_rows(answer["syncs"], SYNCS, empty="Nothing was asked for yet.")
    if answer["stale"]:
        click.echo(f"Stale: {', '.join(answer['stale'])}")
