"""See, set and preview when companies are synced."""

import re
from typing import Any

import click

from ops.api import Api, uses_api
from ops.coming import next_in_words, paused_in_words
from ops.commands.bulk import import_schedules, set_for_all
from ops.commands.companies import path_part
from ops.commands.load import load
from ops.commands.policy import policy
from ops.groups import ListsByDefault
from ops.output import Columns, as_json, print_json, show_rows
from relay.cadence import Cadence, CatchUp

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _when(row: Any) -> str:
    match row["cadence"]:
        case "hourly":
            return f":{row['minute']:02}" + (f" every {row['every']} h" if row["every"] > 1 else "")
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


@cadence.command("list")
@click.option("--company", help="All schedules of one company, suspended ones too.")
@click.option("--paused", is_flag=True, help="Those that wait for the end of a pause.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def list_schedules(
    *, api: Api, company: str | None, paused: bool, limit: int, as_json: bool
) -> None:
    """List schedules, the soonest first."""
    wanted = {"company": company, "paused": str(paused).lower(), "limit": limit}
    _show(api.get("/v1/schedules", **wanted), as_json)


@cadence.command("next")
@click.argument("company_id", metavar="[COMPANY]", default="")
@click.argument("data_type", default="all")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def next_due(*, api: Api, company_id: str, data_type: str, limit: int, as_json: bool) -> None:
    """Show what runs next, over all companies, or the next runs of one schedule."""
    if company_id:
        answer = api.get(f"/v1/schedules/{path_part(company_id)}/{path_part(data_type)}")
        if as_json:
            print_json(answer)
        else:
            lines = [paused_in_words(answer), *answer["next_runs"]]
            click.echo("\n".join(filter(None, lines)) or next_in_words(answer))
        return
    _show(api.get("/v1/schedules", limit=limit), as_json)


@cadence.command("set")
@click.argument("company_id", metavar="COMPANY")
@click.argument("data_type")
@click.argument("cadence_name", metavar="CADENCE", type=click.Choice([c.value for c in Cadence]))
@click.option("--at", default="00:00", show_default=True, help="HH:MM; hourly takes the minutes.")
@click.option("--weekday", type=click.IntRange(1, 7), default=1, help="1 Monday to 7; for weekly.")
@click.option("--day", type=click.IntRange(1, 31), default=1, help="Of the month; for monthly.")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/London.")
@click.option("--spread", type=click.IntRange(0), default=0, help="Spread companies over seconds.")
@click.option("--every", type=click.Choice(["1", "2", "3", "4", "6", "8", "12"]), default="1")
@click.option("--catch-up", type=click.Choice([c.value for c in CatchUp]), default="once")
@click.option("--cap", type=click.IntRange(1, 168), default=24, help="For --catch-up all.")
@click.option("--fresh", type=click.IntRange(0), default=0, help="Hours until data is stale.")
@click.option("--off", is_flag=True, help="Keep the schedule, but do not run it.")
@click.option("--platform", help="With COMPANY all: only companies on it, by key or name.")
@click.option("--preview", is_flag=True, help="Show the coming runs without saving.")
@as_json
@uses_api
def set_schedule(
    *,
    api: Api,
    company_id: str,
    data_type: str,
    cadence_name: str,
    at: str,
    weekday: int,
    day: int,
    timezone: str,
    spread: int,
    every: str,
    catch_up: str,
    cap: int,
    fresh: int,
    off: bool,
    platform: str | None,
    preview: bool,
    as_json: bool,
) -> None:
    """Sync DATA_TYPE of COMPANY hourly, daily, weekly or monthly; `all` is every data type.

    `all` as COMPANY sets it for every linked company; `cadence policy` does so at any number.
    Hourly with --every N runs every N hours, at the hour of --at among others. --catch-up says
    what becomes of periods that passed while nothing ran. A day past the month's end means its
    last day. An hour that the clocks skip or repeat runs once.
    """
    hour, minute = _read_at(at)
    body = {
        "cadence": cadence_name,
        "minute": minute,
        "hour": hour,
        "weekday": weekday,
        "day": day,
        "timezone": timezone,
        "spread": spread,
        "every": int(every),
        "catch_up": catch_up,
        "cap": cap,
        "fresh": fresh,
        "off": off,
    }
    if company_id == "all":
        set_for_all(api, data_type, body, platform, preview=preview, as_json=as_json)
        return
    path = f"/v1/schedules/{path_part(company_id)}/{path_part(data_type)}"
    answer = api.put(path, body, preview=str(preview).lower())
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


@cadence.command()
@click.argument("company_id", metavar="COMPANY")
@click.argument("data_type")
@uses_api
def remove(api: Api, company_id: str, data_type: str) -> None:
    """Remove a schedule; the data type is then synced on request only."""
    api.delete(f"/v1/schedules/{path_part(company_id)}/{path_part(data_type)}")
    click.echo("Removed.")


def _read_at(at: str) -> tuple[int, int]:
    found = AT.fullmatch(at)
    if found is None:
        raise click.BadParameter(f"{at!r} is not a time of day such as 06:30.", param_hint="--at")
    return int(found[1]), int(found[2])


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["schedules"], COLUMNS, empty="Nothing is scheduled.")
