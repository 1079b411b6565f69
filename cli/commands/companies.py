"""List companies, or show one."""

from itertools import islice
from typing import Any
from urllib.parse import urlencode

import click

from cli.choices import OneOf
from cli.client import Api, path_part, uses_api
from cli.groups import ListsByDefault
from cli.next_run import next_in_words
from cli.output import Columns, as_json, print_json, show_facts, show_rows
from relay.companies.company import CompanyStatus

ORDER = 40
PAGE = 500
COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "name": lambda row: row["name"],
    "name from": lambda row: row["name_source"],
    "status": lambda row: row["status"],
    "needs attention": lambda row: row["needs_attention"],
    "platforms": lambda row: row["platforms"],
    "last webhook": lambda row: row["last_webhook"],
}
CONNECTIONS: Columns = {
    "connection": lambda row: row["id"],
    "platform": lambda row: row["platform_name"] or row["platform_key"],
    "status": lambda row: row["status"],
    "as of": lambda row: row["as_of"],
    "errors": lambda row: row["errors"],
}
DATA_TYPES: Columns = {
    "data type": lambda row: row["data_type"],
    "last read": lambda row: row["status"],
    "as of": lambda row: row["as_of"],
    "last success": lambda row: row["last_success"],
}
SCHEDULES: Columns = {
    "data type": lambda row: row["data_type"],
    "cadence": lambda row: row["cadence"],
    "next": next_in_words,
}
CHANGES: Columns = {
    "info": lambda row: row["field"],
    "was": lambda row: row["previous"],
    "is": lambda row: row["current"],
}
ANOTHER = "Its books name another company than before; `companies accept` says that it is right:"
FACTS = ("id", "name", "name_source", "placeholder", "given_name", "status", "needs_attention")


@click.group(cls=ListsByDefault)
def companies() -> None:
    """List companies, or show one. Without a subcommand: list."""


@companies.command("list")
@click.option("--status", type=OneOf(CompanyStatus))
@click.option("--platform", help="A platform's key or name.")
@click.option("--q", "part", help="Part of the name, or the id's beginning.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1))
@as_json
@uses_api
def list_companies(
    *,
    api: Api,
    status: str | None,
    platform: str | None,
    part: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List companies in the order of their ids.

    \b
    Examples:
      codat-relay companies --status Linked --platform Xero
      codat-relay companies --q Acme
    """
    wanted = {"status": status, "platform": platform, "q": part, "limit": min(limit, PAGE)}
    found = list(islice(api.pages("/v1/companies", "companies", **wanted), limit))
    if as_json:
        print_json({"companies": found})
    else:
        show_rows(found, COLUMNS, empty="No company fits.")


@companies.command()
@click.argument("company_id", metavar="ID")
@as_json
@uses_api
def show(api: Api, company_id: str, as_json: bool) -> None:
    """Show all that is held of one company.

    \b
    Examples:
      codat-relay companies show <company>
    """
    company: dict[str, Any] = api.get(f"/v1/companies/{path_part(company_id)}")
    if as_json:
        print_json(company)
        return
    show_facts({name: company[name] for name in FACTS} | (company["info"] or {}))
    if company["identity_mismatch"]:
        click.echo(f"\n{ANOTHER}")
        show_rows(_changes(company["identity_mismatch"]), CHANGES)
    for title, columns in (
        ("connections", CONNECTIONS),
        ("schedules", SCHEDULES),
        ("data_types", DATA_TYPES),
    ):
        click.echo()
        show_rows(company[title], columns, title=title.replace("_", " "), empty=f"No {title}.")


@companies.command()
@click.argument("company_id", metavar="ID")
@uses_api
def accept(api: Api, company_id: str) -> None:
    """Confirm that a company is the right one although its books name another than before.

    \b
    Examples:
      codat-relay companies accept <company>
    """
    address = f"/v1/companies/{path_part(company_id)}"
    company: dict[str, Any] = api.get(address)
    api.post(f"{address}/identity/accept?{urlencode({'identity_mark': company['identity_mark']})}")
    click.echo("Accepted: from now on it is known by what its books say.")


@companies.command()
@click.argument("company_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@uses_api
def forget(api: Api, company_id: str, yes: bool, as_json: bool) -> None:
    """Drop all that is held of a company, for good; its events keep their numbers only.

    \b
    Examples:
      codat-relay companies forget <company>
    """
    if not yes:
        click.confirm(f"Drop all that is held of {company_id}, for good?", abort=True)
    gone = api.post(f"/v1/companies/{path_part(company_id)}/forget")
    print_json(gone) if as_json else show_facts(gone)


def _changes(mismatch: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"field": name, **pair} for name, pair in mismatch.items()]
