"""Set or remove the schedule of one company, or of many alike."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, uses_api
from cli.coming import paused_in_words
from cli.commands.bulk import Wanted, agree, set_many, warn
from cli.commands.companies import path_part
from cli.output import as_json, print_json
from cli.selection import FILE, Chosen, batched, ids_in
from cli.work import bar
from relay.companies.company import CompanyStatus
from relay.syncs.schedule import Cadence, CatchUp

AT_ONCE = 15  # companies in one request
EVERYONE = "all"
AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def of_all(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the filters of COMPANY `all`, handed to it as `chosen`, None for one."""

    @click.option("--platform", help="With COMPANY all: only companies on it, by key or name.")
    @click.option("--status", type=OneOf(CompanyStatus))
    @click.option("--file", type=FILE, help="With COMPANY all: those of a CSV file.")
    @functools.wraps(command)
    def with_filters(
        *,
        company_id: str,
        platform: str | None,
        status: str | None,
        file: Path | None,
        **named: Any,
    ) -> None:
        if company_id != EVERYONE and (platform or status or file):
            raise click.UsageError("--platform, --status and --file narrow COMPANY `all`.")
        if file and (platform or status):
            raise click.UsageError("Give a --file or a filter, not both.")
        chosen = None
        if company_id == EVERYONE:
            ids = ids_in(file) if file else ()
            chosen = Chosen(ids, None if ids else status or "Linked", platform, all=False)
        command(company_id=company_id, chosen=chosen, **named)

    return with_filters


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
@of_all
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
        wanted = [Wanted(one, data_type, body) for one in chosen.ids(api)]
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


@click.command()
@click.argument("company_id", metavar="COMPANY")
@click.argument("data_type")
@of_all
@click.option("--preview", is_flag=True, help="Show what would be removed.")
@as_json
@uses_api
def remove(
    *,
    api: Api,
    company_id: str,
    data_type: str,
    chosen: Chosen | None,
    preview: bool,
    as_json: bool,
) -> None:
    """Remove a schedule; the data type is then synced on request only.

    `all` as COMPANY removes it from every linked company, from those of a filter, or of a file.

    \b
    Examples:
      codat-relay cadence remove <company> invoices
    """
    ids = [path_part(company_id)] if chosen is None else chosen.ids(api)
    if chosen is not None and ids:  # of many, those that have it
        held = schedules_of(api, Chosen(tuple(ids), None, None, all=False), {})["schedules"]
        having = {row["company_id"] for row in held if row["data_type"] == data_type}
        ids = [one for one in ids if one in having]
    wanted = [Wanted(one, data_type, None) for one in ids]
    set_many(api, wanted, preview=preview, yes=True, as_json=as_json)


def schedules_of(api: Api, chosen: Chosen, wanted: dict[str, Any]) -> dict[str, Any]:
    """Give all schedules of the companies, in their order."""
    ids, rows = chosen.ids(api), list[dict[str, Any]]()
    with bar() as progress:
        task = progress.add_task("Reading", total=len(ids), rate="")
        for some in batched(ids, AT_ONCE):
            rows += api.get("/v1/schedules", company=some, **wanted)["schedules"]
            progress.advance(task, len(some))
    return {"schedules": rows}


def _read_at(at: str) -> tuple[int, int]:
    found = AT.fullmatch(at)
    if found is None:
        raise click.BadParameter(f"{at!r} is not a time of day such as 06:30.", param_hint="--at")
    return int(found[1]), int(found[2])
