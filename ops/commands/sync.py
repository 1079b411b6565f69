"""Request syncs now."""

import click

from ops.api import Api, uses_api
from ops.commands.companies import path_part
from ops.output import as_json, print_json


@click.group()
def sync() -> None:
    """Request syncs now, whatever the cadence."""


@sync.command()
@click.argument("company_id", metavar="COMPANY")
@click.option("--data-type", default="all", show_default=True, help="Such as invoices.")
@as_json
@uses_api
def now(api: Api, company_id: str, data_type: str, as_json: bool) -> None:
    """Ask Codat to sync COMPANY now; the outcome comes as events."""
    answer = api.post(f"/v1/companies/{path_part(company_id)}/syncs", {"data_type": data_type})
    if as_json:
        print_json(answer)
    else:
        click.echo(f"Asked for: {answer['intent']}")
        click.echo(f"Watch it: codat-relay events --follow --company {company_id} --type 'sync.*'")
