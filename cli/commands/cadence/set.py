"""Set a schedule of one company, or of many alike."""

import re

import click

from cli.choices import OneOf
from cli.client import Api, path_part, uses_api
from cli.next_run import paused_in_words
from cli.output import as_json, print_json
from cli.schedules import ScheduleChange, agree, set_many, warn
from cli.selection import Chosen, company_or_all
from relay.syncs.schedule import Cadence, CatchUp

ORDER = 30
AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@click.command("set")
@click.argument("company_id", metavar="COMPANY")
@click.argument("data_type")
@click.argument("cadence_name", metavar="CADENCE", type=OneOf(Cadence))
@click.option("--at", default="00:00", show_default=True, help="HH:MM; hourly takes the minutes.")
@click.option(
    "--weekday", type=click.IntRange(1, 7), help="1 Monday to 7; for weekly.  [default: 1]"
)
@click.option("--day", type=click.IntRange(1, 31), help="Of the month; for monthly.  [default: 1]")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/London.")
@click.option("--spread", type=click.IntRange(0), default=0, help="Spread companies over seconds.")
@click.option("--every", type=OneOf(["1", "2", "3", "4", "6", "8", "12"]), default="1")
@click.option("--catch-up", type=OneOf(CatchUp), default="once")
@click.option("--cap", type=click.IntRange(1, 168), help="For --catch-up all.  [default: 24]")
@click.option("--fresh", type=click.IntRange(0), default=0, help="Hours until data is stale.")
@click.option("--off", is_flag=True, help="Keep the schedule, but do not run it.")
@company_or_all
@click.option("--preview", is_flag=True, help="Show the coming runs without saving.")
@click.option("--yes", is_flag=True, help="Do not ask when Codat's limits would not cover it.")
@as_json
@uses_api
def set_schedule(
    *,
    api: Api,
    company_id: str,
    data_type: str,
    cadence_name: str,
    at: str,
    weekday: int | None,
    day: int | None,
    timezone: str,
    spread: int,
    every: str,
    catch_up: str,
    cap: int | None,
    fresh: int,
    off: bool,
    chosen: Chosen | None,
    preview: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Sync DATA_TYPE of COMPANY hourly, daily, weekly or monthly; `all` is every data type.

    `all` as COMPANY sets it for every linked company, for those of a filter, or of a file.
    Hourly with --every N runs every N hours, at the hour of --at among others. --catch-up says
    what becomes of periods that passed while nothing ran. A day past the month's end means its
    last day. An hour that the clocks skip or repeat runs once.

    \b
    Examples:
      codat-relay cadence set <company> invoices daily --at 06:30 --timezone Europe/London
      codat-relay cadence set all all hourly --every 6 --preview
    """
    for option, given, needed, is_so in (
        ("--weekday", weekday, "weekly", cadence_name == Cadence.WEEKLY),
        ("--day", day, "monthly", cadence_name == Cadence.MONTHLY),
        ("--cap", cap, "--catch-up all", catch_up == CatchUp.ALL),
    ):
        if given is not None and not is_so:
            raise click.UsageError(f"{option} is for {needed}: it would change nothing here.")
    hour, minute = _read_at(at)
    body = {
        "cadence": cadence_name,
        "minute": minute,
        "hour": hour,
        "weekday": weekday or 1,
        "day": day or 1,
        "timezone": timezone,
        "spread": spread,
        "every": int(every),
        "catch_up": catch_up,
        "cap": cap or 24,
        "fresh": fresh,
        "off": off,
    }
    if chosen is not None:
        wanted = [ScheduleChange(one, data_type, body) for one in chosen.ids(api)]
        set_many(api, wanted, preview=preview, yes=yes, as_json=as_json)
        return
    path = f"/v1/schedules/{path_part(company_id)}/{path_part(data_type)}"
    answer = api.put(path, body, preview="true")
    warn(answer["warnings"])
    if not preview:
        agree(answer["warnings"], yes=yes or as_json)
        answer = api.put(path, body) | {"warnings": answer["warnings"]}
    if as_json:
        print_json(answer)
        return
    if answer["off"]:
        click.echo("Kept, but off.")
        return
    if answer["suspended"]:
        click.echo(f"Kept, but suspended: {answer['suspended']}.")
        return
    if paused := paused_in_words(answer):
        click.echo(f"For now {paused}.")
    click.echo("These would be the next runs:" if preview else "Set. The next runs:")
    for run in answer["next_runs"]:
        click.echo(f"  {run}")


def _read_at(at: str) -> tuple[int, int]:
    found = AT.fullmatch(at)
    if found is None:
        raise click.BadParameter(f"{at!r} is not a time of day such as 06:30.", param_hint="--at")
    return int(found[1]), int(found[2])
