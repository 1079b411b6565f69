"""List schedules, the soonest first."""

import click

from cli.client import Api, path_part, uses_api
from cli.output import as_json
from cli.schedule_list import NOTHING, show
from cli.schedules import schedules_of
from cli.selection import Chosen, may_choose

ORDER = 10
NONE_WAITS = "Nothing has fallen due in a pause; `codat-relay pause` shows what each covers."


@click.command("list")
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
    show(found, as_json, empty=NONE_WAITS if paused else NOTHING)
