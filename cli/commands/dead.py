"""Look at messages that could not be handled."""

import click

from cli.client import Api, uses_api
from cli.commands.replay import run
from cli.groups import ListsByDefault
from cli.output import Columns, as_json, print_json, show_rows
from relay.nearest import hint

ORDER = 150
NEWEST = 500  # that the API lists at once

COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "received": lambda row: row["received"],
    "type": lambda row: row["type"],
    "company": lambda row: row["company_id"],
    "reason": lambda row: row["reason"],
}


@click.group(cls=ListsByDefault)
def dead() -> None:
    """Look at messages that could not be handled; nothing of them is lost. Lists by default."""


@dead.command()
@click.argument("letters", nargs=-1, metavar="[ID]...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@uses_api
def retry(*, api: Api, letters: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Handle them once more: those of these ids, or all.

    \b
    Examples:
      codat-relay dead retry
    """
    body: dict[str, object] = {"result": "dead"}
    if letters:
        body["messages"] = _named(api, letters)
    run(api, body, preview=False, yes=yes, as_json=as_json)


def _named(api: Api, letters: tuple[str, ...]) -> list[str]:
    """Return the places of these dead letters, however many there are besides."""
    held = api.get("/v1/dead-letters", limit=NEWEST)["dead_letters"]
    found = [(one["id"], f"{one['lane']}:{one['entry']}") for one in held]
    if len(held) == NEWEST and not set(letters) <= {name for name, _ in found}:
        older = api.pages("/v1/messages", "messages", "before", result="dead", limit=NEWEST)
        found = [(one["message_id"], one["id"]) for one in older]
    names = {name for name, _ in found}
    if missing := sorted(set(letters) - names):
        near = hint(missing[0], names)
        raise click.BadParameter(f"No dead letter is called {', '.join(missing)}{near}.")
    return [place for name, place in found if name in letters]


@dead.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def list_dead(api: Api, limit: int, as_json: bool) -> None:
    """List them with the reason, newest first.

    \b
    Examples:
      codat-relay dead
    """
    answer = api.get("/v1/dead-letters", limit=limit)
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["dead_letters"], COLUMNS, empty="Everything could be handled.")
