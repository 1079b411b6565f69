"""Show what runs next."""

from pathlib import Path

import click

from cli.choices import OneOf
from cli.client import Api, path_part, uses_api
from cli.next_run import next_in_words, paused_in_words
from cli.output import as_json, print_json
from cli.schedule_list import show
from cli.schedules import schedules_of
from cli.selection import FILE, Chosen, ids_in
from relay.companies.company import CompanyStatus

ORDER = 20


@click.command("next")
@click.argument("company_id", metavar="[COMPANY]", default="")
@click.argument("data_type", default="all")
@click.option("--status", type=OneOf(CompanyStatus))
@click.option("--platform", help="Only companies on this platform: its key or name.")
@click.option("--file", type=FILE, help="The companies of a CSV file, by company_id.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def next_due(
    *,
    api: Api,
    company_id: str,
    data_type: str,
    status: str | None,
    platform: str | None,
    file: Path | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what runs next, over all or some companies, or the next runs of one schedule.

    \b
    Examples:
      codat-relay cadence next
      codat-relay cadence next <company> invoices
    """
    if company_id and (status or platform or file):
        raise click.UsageError("Name a COMPANY, or choose some by a filter or a --file.")
    if company_id:
        answer = api.get(f"/v1/schedules/{path_part(company_id)}/{path_part(data_type)}")
        if as_json:
            print_json(answer)
        else:
            lines = [paused_in_words(answer), *answer["next_runs"]]
            click.echo("\n".join(filter(None, lines)) or next_in_words(answer))
        return
    chosen = Chosen(ids_in(file) if file else (), status, platform, all=False)
    if not chosen:
        show(api.get("/v1/schedules", limit=limit), as_json)
        return
    coming = [row for row in schedules_of(api, chosen, {})["schedules"] if row["next_due"]]
    show({"schedules": sorted(coming, key=lambda row: row["next_due"])[:limit]}, as_json)
