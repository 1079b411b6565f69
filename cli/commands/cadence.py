"""See, set and preview when companies are synced."""

from pathlib import Path
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, uses_api
from cli.coming import next_in_words, paused_in_words
from cli.commands.bulk import import_schedules
from cli.commands.companies import path_part
from cli.commands.load import load
from cli.commands.policy import policy
from cli.commands.set_cadence import remove, schedules_of, set_schedule
from cli.groups import ListsByDefault
from cli.output import Columns, as_json, print_json, show_rows
from cli.selection import FILE, Chosen, ids_in, may_choose
from relay.companies.company import CompanyStatus

NOTHING = "Nothing is scheduled."
NONE_WAITS = "Nothing has fallen due in a pause; `codat-relay pause` shows what each speaks of."
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _when(row: Any) -> str:
    match row["cadence"]:
        case "hourly":
            if row["every"] > 1:
                return f"{row['hour'] % row['every']:02}:{row['minute']:02} every {row['every']} h"
            return f":{row['minute']:02}"
        case "weekly":
            day = f"{DAYS[row['weekday'] - 1]} "
        case "monthly":
            day = f"day {row['day']}, "
        case _:
            day = ""
    return f"{day}{row['hour']:02}:{row['minute']:02}"


COLUMNS: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "cadence": lambda row: row["cadence"],
    "at": _when,
    "time zone": lambda row: row["timezone"],
    "set by": lambda row: row["origin"],
    "next": next_in_words,
}


@click.group(cls=ListsByDefault)
def cadence() -> None:
    """See, set and preview when companies are synced. Without a subcommand: list."""


cadence.add_command(policy)
cadence.add_command(load)
cadence.add_command(import_schedules)
cadence.add_command(set_schedule)
cadence.add_command(remove)


@cadence.command("list")
@may_choose
@click.option("--company", help="One company, as naming it.", hidden=True)
@click.option("--paused", is_flag=True, help="Those that wait for the end of a pause.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def list_schedules(
    *, api: Api, chosen: Chosen, company: str | None, paused: bool, limit: int, as_json: bool
) -> None:
    """List schedules, the soonest first; those of chosen companies whole, suspended ones too.

    \b
    Examples:
      codat-relay cadence list --platform Xero
      codat-relay cadence list --paused
    """
    if company is not None:
        chosen = Chosen((path_part(company),), None, None, all=False)
    wanted = {"paused": str(paused).lower(), "limit": limit}
    found = schedules_of(api, chosen, wanted) if chosen else api.get("/v1/schedules", **wanted)
    _show(found, as_json, empty=NONE_WAITS if paused else NOTHING)


@cadence.command("next")
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
        _show(api.get("/v1/schedules", limit=limit), as_json)
        return
    coming = [row for row in schedules_of(api, chosen, {})["schedules"] if row["next_due"]]
    _show({"schedules": sorted(coming, key=lambda row: row["next_due"])[:limit]}, as_json)


def _show(answer: dict[str, Any], as_json: bool, empty: str = NOTHING) -> None:
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["schedules"], COLUMNS, empty=empty)
