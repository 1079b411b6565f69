"""Show how many syncs the coming hours hold, as bars."""

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli.client import Api, uses_api
from cli.output import as_json, print_json
from cli.schedules import warn
from cli.selection import Chosen, may_choose

ORDER = 60
MAX_BAR = 40  # so that a line fits into 80 characters
BAR = "\N{FULL BLOCK}"


@click.command()
@may_choose
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 168))
@as_json
@uses_api
def load(*, api: Api, chosen: Chosen, hours: int, as_json: bool) -> None:
    """Show how many syncs each of the coming hours holds, of all companies or some.

    --hours 168 for the week.

    \b
    Examples:
      codat-relay cadence load
      codat-relay cadence load --platform Xero
    """
    answer = _load(api, chosen, hours)
    if as_json:
        print_json(answer)
        return
    console, peak = Console(), max(1, answer["peak"])
    for row in answer["hours"]:
        bar = BAR * -(-row["syncs"] * MAX_BAR // peak)
        console.print(Text(f"{row['hour']}  {row['syncs']:>9,}  {bar}".rstrip()))
    console.print(f"{answer['total']:,} syncs, from {answer['schedules']:,} schedules.")
    covers = answer["covers"]
    console.print(f"Codat's limits cover {covers['hour']:,} an hour, {covers['day']:,} a day.")
    warn(answer["warnings"])


def _load(api: Api, chosen: Chosen, hours: int) -> Any:
    if not chosen or chosen.all:
        return api.get("/v1/schedules/load", hours=hours)
    added: list[int] = []
    for part in chosen.parts():  # each piece on top of the ones before it
        body = part.body() | {"hours": hours, "added": added}
        answer = api.post("/v1/schedules/load", body)
        added = [row["syncs"] for row in answer["hours"]]
    return answer
