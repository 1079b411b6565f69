"""Remove a schedule of one company, or of many."""

import click

from cli.client import Api, path_part, uses_api
from cli.output import as_json
from cli.schedules import ScheduleChange, schedules_of, set_many
from cli.selection import Chosen, company_or_all

ORDER = 40


@click.command()
@click.argument("company_id", metavar="COMPANY")
@click.argument("data_type")
@company_or_all
@click.option("--preview", is_flag=True, help="Show what would be removed.")
@as_json
@uses_api
def remove(
    *,
    api: Api,
    company_id: str,
    data_type: str,
    chosen: Chosen | None,
    preview: bool,
    as_json: bool,
) -> None:
    """Remove a schedule; the data type is then synced on request only.

    `all` as COMPANY removes it from every linked company, from those of a filter, or of a file.

    \b
    Examples:
      codat-relay cadence remove <company> invoices
    """
    ids = [path_part(company_id)] if chosen is None else chosen.ids(api)
    if chosen is not None and ids:  # of many, those that have it
        held = schedules_of(api, Chosen(tuple(ids), None, None, all=False), {})["schedules"]
        having = {row["company_id"] for row in held if row["data_type"] == data_type}
        ids = [one for one in ids if one in having]
    wanted = [ScheduleChange(one, data_type, None) for one in ids]
    set_many(api, wanted, preview=preview, yes=True, as_json=as_json)
