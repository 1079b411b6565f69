"""List journeys, the newest first."""

from itertools import islice

import click

from cli.client import Api, refuse_unknown, uses_api
from cli.output import Columns, as_json, print_json, show_rows

ORDER = 10
PAGE = 500
COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "company": lambda row: row["company_name"] or row["company_id"],
    "reference": lambda row: row["reference"],
    "stage": lambda row: row["stage"],
    "platform": lambda row: row["platform_name"],
    "created": lambda row: row["created"],
    "expires": lambda row: row["expires"],
}


@click.command("list")
@click.option("--company", help="Only those of this company, by its id.")
@click.option("--stage", help="Only those that stand here, such as waiting or mismatch.")
@click.option("--reference", help="Only those with this reference of yours.")
@click.option("--platform", help="Only those on this platform, by key or name.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
@as_json
@uses_api
def list_journeys(*, api: Api, limit: int, as_json: bool, **filters: str | None) -> None:
    """List journeys, the newest first.

    \b
    Examples:
      codat-relay journey --stage waiting
    """
    wanted = {**filters, "limit": min(limit, PAGE)}
    pages = api.pages("/v1/journeys", "journeys", "before", **wanted)
    found = list(islice(pages, limit))
    if not found:
        refuse_unknown(api, filters["company"])
    if as_json:
        print_json({"journeys": found})
    else:
        show_rows(found, COLUMNS, empty="No journey fits.")
