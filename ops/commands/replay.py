"""Handle kept messages again: preview, progress, abort."""

import time
from typing import Any

import click
from rich.progress import Progress

from ops.api import Api, uses_api
from ops.output import as_json, print_json, show_facts

POLL = 0.3  # seconds


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
    """Handle messages that Codat sent once more; what stands in the log is not added again.

    MESSAGE is an id of /v1/messages; without any, the options choose, and no option takes all.
    """
    if abort or go_on:
        word = "abort" if abort else "continue"
        _follow(api, api.post(f"/v1/replays/{abort or go_on}/{word}"), as_json)
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
    if preview or not (shown["messages"] or shown["at_least"]):
        print_json(shown) if as_json else show_facts(shown)
        return
    if not (yes or as_json):
        some = "at least " if shown["at_least"] else ""
        question = f"Replay {some}{shown['messages']} messages of {shown['companies']} companies?"
        click.confirm(question, abort=True)
    _follow(api, api.post("/v1/replays", body), as_json)


def _follow(api: Api, begun: dict[str, Any], as_json: bool) -> None:
    """Show progress until it is done; Ctrl-C leaves it running."""
    found = begun
    with Progress(transient=True, disable=as_json) as progress:
        task = progress.add_task("Replaying", total=found["messages"])
        while found["state"] == "running":
            time.sleep(POLL)
            found = api.get(f"/v1/replays/{begun['id']}")
            progress.update(task, completed=found["handled"], total=found["messages"])
    print_json(found) if as_json else show_facts(found)
