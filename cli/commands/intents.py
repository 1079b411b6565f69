"""See what is to be done at Codat, and run it again."""

from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, refuse_unknown, uses_api
from cli.faults import Failed
from cli.groups import ListsByDefault
from cli.output import Columns, as_json, print_json, show_rows
from cli.work import Work, enqueue, enqueue_options

ORDER = 120
NOT_DEAD = "nothing of this name was given up; `codat-relay intents --state dead` lists what was."
NONE_WAIT = "Nothing of such a name waits. `codat-relay intents` lists what does."
NONE_DEAD = "Nothing that was given up fits: nothing was done."
COLUMNS: Columns = {
    "name": lambda row: row["name"],
    "state": lambda row: row["state"],
    "priority": lambda row: row["priority"],
    "attempts": lambda row: row["attempts"],
    "due": lambda row: row["due"],
    "last error": lambda row: row["last_error"],
}


@click.group(cls=ListsByDefault)
def intents() -> None:
    """See what is to be done at Codat. Without a subcommand: list what waits."""


@intents.command("list")
@click.option(
    "--state",
    type=OneOf(["waiting", "running", "dead"]),
    default="waiting",
    show_default=True,
    help="Those waiting include the running ones; dead ones were given up.",
)
@click.option("--kind", help="Such as info, name, reread, sync, reconcile.")
@click.option("--company", help="Only this company's.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@as_json
@uses_api
def list_intents(
    *, api: Api, state: str, kind: str | None, company: str | None, limit: int, as_json: bool
) -> None:
    """List them with attempts and the last error: the soonest due, or the latest given up first.

    \b
    Examples:
      codat-relay intents
      codat-relay intents --state dead
    """
    answer = api.get("/v1/intents", state=state, kind=kind, company=company, limit=limit)
    if not answer["intents"]:
        refuse_unknown(api, company)
    if as_json:
        print_json(answer)
        return
    show_rows(answer["intents"], COLUMNS, empty="There is nothing to do.")


@intents.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--kind", help="All of this kind, such as info.")
@click.option("--company", help="All of this company.")
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@enqueue_options
@as_json
@uses_api
def retry(
    *,
    api: Api,
    names: tuple[str, ...],
    kind: str | None,
    company: str | None,
    everything: bool,
    **how: Any,
) -> None:
    """Run again what was given up: those of these names, of a filter, or all.

    \b
    Examples:
      codat-relay intents retry --kind info
      codat-relay intents retry --all --preview
    """
    if [bool(names), bool(kind or company), everything].count(True) != 1:
        raise click.UsageError("Name intents, or give a filter, or --all.")
    given = {"names": list(names), "kind": kind, "company": company, "all": everything}
    body = {name: value for name, value in given.items() if value}
    if names:
        found = api.post("/v1/intents/retry", body | {"preview": True})["retried"]
        if found < len(set(names)):
            named = ", ".join(one for one in dict.fromkeys(names) if not _is_dead(api, one))
            raise click.BadParameter(f"{named or 'some of these'}: {NOT_DEAD}")
    work = Work(api, "/v1/intents/retry", body, "retried")
    enqueue(work, named=bool(names), everything=everything, empty=NONE_DEAD, **how)


def _is_dead(api: Api, name: str) -> bool:
    found = api.get("/v1/intents", state="dead", like=name, limit=1)
    return any(one["name"] == name for one in found["intents"])


@intents.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--like", help="Those a person asked for whose names look so; * stands for anything.")
@as_json
@uses_api
def withdraw(*, api: Api, names: tuple[str, ...], like: str | None, as_json: bool) -> None:
    """Stop what waits and has not begun. It counts as given up: `intents retry` runs it again.

    \b
    Examples:
      codat-relay intents withdraw --like 'reread:*'
    """
    if bool(names) == bool(like):
        raise click.UsageError("Name intents, or give --like.")
    done = api.post("/v1/intents/withdraw", {"names": list(names)} if names else {"like": like})
    if as_json:
        print_json(done)
    else:
        running = f"{done['running']} are under way and end by themselves."
        click.echo(f"{done['withdrawn']} withdrawn. {running if done['running'] else ''}".strip())
    missing = len(set(names)) - done["withdrawn"]
    if missing > 0 or not done["withdrawn"]:
        if not done["withdrawn"] + done["running"]:
            raise Failed(NONE_WAIT)
        raise Failed(f"{missing} of {len(set(names))} were not waiting, and were not withdrawn.")
