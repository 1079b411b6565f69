"""See and set what is not to be synced for a while."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, uses_api
from cli.faults import NotAccepted
from cli.groups import ListsByDefault
from cli.output import Columns, as_json, print_json, show_rows
from cli.selection import FILE, ids_in
from cli.work import each
from relay.syncs.pause import Scope

ORDER = 70
COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "what": lambda row: f"{row['scope']} {row['value']}".strip(),
    "on": lambda row: row["on"],
    "schedules": lambda row: row["covers"],
    "waiting now": lambda row: row["holds_back"],
    "until": lambda row: row["ends"],
    "window": lambda row: _window(row["window"]),
    "by": lambda row: row["owner"],
    "reason": lambda row: row["reason"],
}


CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
NO_WINDOW = "takes two times of day such as 22:00-06:00."
MOMENTS = (
    *("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"),
    *("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z"),
)
LOOK = "?preview=true"
NO_MOMENT = "is no moment that clocks here show."


@click.group(cls=ListsByDefault)
def pause() -> None:
    """See and set what is not to be synced for a while. Without a subcommand: list."""


@pause.command("list")
@as_json
@uses_api
def list_pauses(api: Api, as_json: bool) -> None:
    """List pauses and how many schedules each holds back.

    \b
    Examples:
      codat-relay pause
    """
    answer = api.get("/v1/pauses")
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["pauses"], COLUMNS, empty="Nothing is paused.")


@pause.command("set")
@click.argument("scope", type=OneOf(Scope))
@click.argument("value", default="")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@click.option(
    "--until",
    type=click.DateTime(MOMENTS),
    help="When it ends; in this machine's zone unless named.",
)
@click.option("--window", metavar="HH:MM-HH:MM", help="Only within these hours of each day.")
@click.option("--weekday", "weekdays", multiple=True, type=click.IntRange(1, 7), help="1 Monday.")
@click.option("--timezone", help="Of the window.  [default: UTC]")
@click.option("--file", type=FILE, help="With SCOPE company: a pause each for those of a CSV file.")
@click.option("--anyway", is_flag=True, help="Take a tag that no company has yet.")
@click.option("--preview", is_flag=True, help="Show how many schedules it covers; save nothing.")
@as_json
@uses_api
def set_pause(
    *,
    api: Api,
    scope: str,
    value: str,
    reason: str,
    until: datetime | None,
    window: str | None,
    weekdays: tuple[int, ...],
    timezone: str | None,
    file: Path | None,
    anyway: bool,
    preview: bool,
    as_json: bool,
) -> None:
    """Hold back scheduled syncs of SCOPE: everything, or a platform, tag, company or data type.

    What is held back is caught up with at the end as each schedule's catch-up rule says. Syncs
    that a person asks for run all the same.

    \b
    Examples:
      codat-relay pause set platform Xero --reason migration --until 2027-12-01
      codat-relay pause set everything --reason nights --window 22:00-06:00 --timezone Europe/London
    """
    if file is not None and (scope != Scope.COMPANY or value):
        raise click.UsageError("--file names the companies of SCOPE `company`.")
    if window is None and (weekdays or timezone):
        raise click.UsageError("--weekday and --timezone are of a --window, and none is given.")
    body: dict[str, Any] = {"scope": scope, "reason": reason}
    if anyway:
        body["anyway"] = True
    if until is not None:
        try:
            body["ends"] = until.astimezone().isoformat()
        except (OverflowError, ValueError, OSError):
            raise click.BadParameter(NO_MOMENT, param_hint="--until") from None
    if window is not None:
        start, _, end = map(str.strip, window.partition("-"))
        if not (CLOCK.fullmatch(start) and CLOCK.fullmatch(end)):
            raise click.BadParameter(NO_WINDOW, param_hint="--window")
        body["window"] = {"timezone": timezone or "UTC", "start": start, "end": end}
        if weekdays:
            body["window"]["weekdays"] = sorted(set(weekdays))
    values = [value] if file is None else ids_in(file)
    query = LOOK if preview else ""
    wanted = [body | {"value": one} for one in values]

    def put(one: dict[str, Any], query: str = query) -> Any:
        try:
            return api.post(f"/v1/pauses{query}", one)
        except NotAccepted as error:
            raise error if file is None else NotAccepted(f"{one['value']}: {error}") from None

    if file is not None and not preview:  # one that is refused keeps all from being set
        each(wanted, "Looking", lambda one: put(one, LOOK), changes=False)
    made = each(wanted, "Pausing", put, changes=not preview)
    if made and made[0]["note"] and not as_json:
        click.secho(made[0]["note"], fg="yellow", err=True)
    if as_json:
        print_json(made[0] if file is None else {"pauses": made})
    elif preview:
        held = sum(pause["holds_back"] for pause in made)
        click.echo(f"It would hold back {held:,} schedules.")
    else:
        for pause in made:
            click.echo(f"Paused: codat-relay resume {pause['id']} ends it.")


def _window(window: dict[str, Any] | None) -> str | None:
    if window is None:
        return None
    days = "" if len(window["weekdays"]) == 7 else f" days {window['weekdays']}"
    return f"{window['start']}-{window['end']} {window['timezone']}{days}"
