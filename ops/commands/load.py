"""Show how many syncs the coming hours hold, as bars."""

import click
from rich.console import Console
from rich.text import Text

from ops.api import Api, uses_api
from ops.output import as_json, print_json

LONGEST_BAR = 50
BAR = "\N{FULL BLOCK}"


@click.command()
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 168))
@as_json
@uses_api
def load(api: Api, hours: int, as_json: bool) -> None:
    """Show how many syncs each of the coming hours holds; --hours 168 for the week."""
    answer = api.get("/v1/schedules/load", hours=hours)
    if as_json:
        print_json(answer)
        return
    console, peak = Console(), max(1, answer["peak"])
    for row in answer["hours"]:
        bar = BAR * -(-row["syncs"] * LONGEST_BAR // peak)
        console.print(Text(f"{row['hour'][:16]}Z  {row['syncs']:>9,}  {bar}".rstrip()))
    console.print(f"{answer['total']:,} syncs, from {answer['schedules']:,} schedules.")
    for warning in answer["warnings"]:
        click.secho(warning, fg="yellow", err=True)
