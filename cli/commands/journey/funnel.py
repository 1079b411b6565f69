"""Show how far journeys come on each platform."""

import click

from cli.client import Api, uses_api
from cli.output import Columns, as_json, print_json, show_rows

ORDER = 80
FUNNEL: Columns = {
    "platform": lambda row: row["platform_name"] or "(none chosen)",
    "journeys": lambda row: row["journeys"],
    "tries": lambda row: row["attempts"],
    "opened": lambda row: row["opened"],
    "chose": lambda row: row["platform_chosen"],
    "agreed": lambda row: row["consented"],
    "went": lambda row: row["authorising"],
    "linked": lambda row: row["linked"],
    "confirmed": lambda row: row["confirmed"],
    "left after": lambda row: _counts(row["left_at"]),
    "why": lambda row: _counts(row["reasons"]),
}


@click.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400))
@click.option("--idle-hours", default=24, show_default=True, type=click.IntRange(1, 9600),
              help="Not moved for so long counts as left.")  # fmt: skip
@as_json
@uses_api
def funnel(api: Api, days: int, idle_hours: int, as_json: bool) -> None:
    """Show how far journeys come on each platform, where people leave, and why.

    \b
    Examples:
      codat-relay journey funnel
    """
    found = api.get("/v1/journeys/funnel", days=days, idle_hours=idle_hours)
    if as_json:
        print_json(found)
        return
    show_rows(found["platforms"], FUNNEL, empty="No journeys yet.")
    if found["not_listed"]:
        click.echo(f"\nLooked for and not found: {_counts(found['not_listed'])}")
    if not found["complete"]:
        click.echo("\nOnly the newest journeys were counted.")


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items())
