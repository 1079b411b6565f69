"""See and set what is not to be synced for a while, and end it."""

from datetime import datetime
from typing import Any

import click

from ops.api import Api, uses_api
from ops.groups import ListsByDefault
from ops.output import Columns, as_json, print_json, show_rows
from relay.pause import Scope

COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "what": lambda row: f"{row['scope']} {row['value']}".strip(),
    "on": lambda row: row["on"],
    "holds back": lambda row: row["holds_back"],
    "until": lambda row: row["ends"],
    "window": lambda row: _window(row["window"]),
    "by": lambda row: row["owner"],
    "reason": lambda row: row["reason"],
}


@click.group(cls=ListsByDefault)
def pause() -> None:
    """See and set what is not to be synced for a while. Without a subcommand: list."""


@pause.command("list")
@as_json
@uses_api
def list_pauses(api: Api, as_json: bool) -> None:
    """List pauses and how many schedules each holds back."""
    answer = api.get("/v1/pauses")
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["pauses"], COLUMNS, empty="Nothing is paused.")


@pause.command("set")
@click.argument("scope", type=click.Choice([scope.value for scope in Scope]))
@click.argument("value", default="")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@click.option("--until", type=click.DateTime(), help="When it ends, in this machine's time zone.")
@click.option("--window", metavar="HH:MM-HH:MM", help="Only within these hours of each day.")
@click.option("--weekday", "weekdays", multiple=True, type=click.IntRange(1, 7), help="1 Monday.")
@click.option("--timezone", default="UTC", show_default=True, help="Of the window.")
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
    timezone: str,
    as_json: bool,
) -> None:
    """Hold back scheduled syncs of SCOPE: everything, or a platform, tag, company or data type.

    What is held back is caught up with at the end as each schedule's catch-up rule says. Syncs
    that a person asks for run all the same.
    """
    body: dict[str, Any] = {"scope": scope, "value": value, "reason": reason}
    if until is not None:
        body["ends"] = until.astimezone().isoformat()
    if window is not None:
        start, _, end = window.partition("-")
        body["window"] = {"timezone": timezone, "start": start, "end": end}
        if weekdays:
            body["window"]["weekdays"] = sorted(set(weekdays))
    answer = api.post("/v1/pauses", body)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"Paused: codat-relay resume {answer['id']} ends it.")


@click.command()
@click.argument("pause_id", metavar="PAUSE")
@uses_api
def resume(api: Api, pause_id: str) -> None:
    """End PAUSE; `codat-relay pause` lists those there are."""
    if not pause_id.isalnum():
        raise click.BadParameter(f"{pause_id!r} is not a pause's id.")
    api.delete(f"/v1/pauses/{pause_id}")
    click.echo("Ended; what it held back falls due again.")


def _window(window: dict[str, Any] | None) -> str | None:
    if window is None:
        return None
    days = "" if len(window["weekdays"]) == 7 else f" days {window['weekdays']}"
    return f"{window['start']}-{window['end']} {window['timezone']}{days}"
