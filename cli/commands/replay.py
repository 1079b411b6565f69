"""Handle messages that Codat sent once more."""

import time
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from cli.client import Api, path_part, uses_api
from cli.faults import Failed
from cli.output import Columns, as_json, print_json, show_facts, show_rows
from cli.work import goes_on

ORDER = 140
POLL = 0.3  # seconds
SHOWN = 20  # dead letters
NONE_FITS = "No kept message fits: nothing was done."
NONE_DEAD = "Everything could be handled: there is nothing to do."
GOES_ON = "{} of {} are handled, and it goes on; `codat-relay replay --abort {}` stops it."
DEAD: Columns = {
    "not handled": lambda row: row["id"],
    "type": lambda row: row["type"],
    "company": lambda row: row["company_id"],
    "reason": lambda row: row["reason"],
}


@click.command()
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@click.option("--company", help="Only this company's.")
@click.option("--type", "types", multiple=True, help="Only this type; a closing * takes more.")
@click.option("--since", help="Only those received since, such as 2026-01-05T08:00:00Z.")
@click.option("--until", help="Only those received before.")
@click.option("--dead", is_flag=True, help="Only those that could not be handled.")
@click.option("--preview", is_flag=True, help="Only show how many, and whose.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--abort", metavar="REPLAY", help="Stop a replay that runs.")
@click.option("--continue", "go_on", metavar="REPLAY", help="Go on with an aborted one.")
@as_json
@uses_api
def replay(
    *,
    api: Api,
    messages: tuple[str, ...],
    company: str | None,
    types: tuple[str, ...],
    since: str | None,
    until: str | None,
    dead: bool,
    preview: bool,
    yes: bool,
    abort: str | None,
    go_on: str | None,
    as_json: bool,
) -> None:
    """Handle messages that Codat sent once more; events that are in the log are not added again.

    MESSAGE is an id of /v1/messages; without any, the options choose, and no option takes all.

    \b
    Examples:
      codat-relay replay --company <company> --preview
      codat-relay replay --type 'connection.*' --since 2026-01-05T08:00:00Z
    """
    if abort or go_on:
        if (abort and go_on) or any((messages, company, types, since, until, dead, preview)):
            raise click.UsageError("--abort and --continue stand alone: they are of one replay.")
        word = "abort" if abort else "continue"
        found = _follow(api, api.post(f"/v1/replays/{path_part(abort or go_on or '')}/{word}"))
        _end(api, found, aborted=abort is not None, as_json=as_json)
        return
    given = {
        "messages": list(messages),
        "company": company,
        "type": list(types),
        "since": since,
        "until": until,
        "result": "dead" if dead else None,
    }
    body = {name: value for name, value in given.items() if value}
    run(api, body, preview=preview, yes=yes, as_json=as_json)


def run(api: Api, body: dict[str, Any], *, preview: bool, yes: bool, as_json: bool) -> None:
    """Preview a replay, ask, run it and show its progress."""
    shown = api.post("/v1/replays", body | {"preview": True})
    is_empty = not (shown["messages"] or shown["at_least"])
    if preview or is_empty:
        filtered = bool(body.keys() - {"result"})
        if is_empty and not as_json:
            if preview or not filtered:  # else it is said below
                click.echo(NONE_FITS if filtered or not body else NONE_DEAD)
        else:
            print_json(shown) if as_json else show_facts(shown)
        if is_empty and filtered and not preview:
            raise Failed(NONE_FITS)
        return
    if not (yes or as_json):
        some = "at least " if shown["at_least"] else ""
        question = f"Replay {some}{shown['messages']} messages of {shown['companies']} companies?"
        click.confirm(question, abort=True)
    _end(api, _follow(api, api.post("/v1/replays", body)), aborted=False, as_json=as_json)


def _end(api: Api, found: dict[str, Any], *, aborted: bool, as_json: bool) -> None:
    """Show what came of it; raises Failed where some of it could not be handled."""
    print_json(found) if as_json else show_facts(found)
    if found["dead"]:
        letters = api.get("/v1/dead-letters", limit=min(found["dead"], SHOWN))["dead_letters"]
        if not as_json:
            show_rows(letters, DEAD)
        where = "`codat-relay dead` lists them with the reason."
        raise Failed(f"{found['dead']} of {found['handled']} could not be handled. {where}")
    if found["state"] == "aborted" and not aborted:
        go_on = f"`codat-relay replay --continue {found['id']}` goes on with it."
        raise Failed(f"Somebody aborted it; {found['handled']} were handled. {go_on}")


def _follow(api: Api, begun: dict[str, Any]) -> dict[str, Any]:
    """Show progress until it is done, and return how it ended; Ctrl-C leaves it running."""
    found = begun
    with (
        goes_on(lambda: GOES_ON.format(found["handled"], found["messages"], found["id"])),
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("Replaying", total=found["messages"])
        while found["state"] == "running":
            time.sleep(POLL)
            found = api.get(f"/v1/replays/{begun['id']}")
            progress.update(task, completed=found["handled"], total=found["messages"])
    return found
