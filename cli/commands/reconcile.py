"""Compare with Codat's own record, and heal."""

import time
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, uses_api
from cli.faults import Failed
from cli.groups import RunsByDefault
from cli.output import Columns, as_json, print_json, show_facts, show_rows
from cli.selection import Chosen, cost_in_words
from cli.work import NO_COMPANY, bar, goes_on
from relay.companies.company import CompanyStatus

ORDER = 130
POLL_SECONDS = 0.5  # seconds
PATH = "/v1/reconciliations"
GOES_ON = "the comparison goes on; `codat-relay reconcile abort {}` stops it."
BY_HOUR = "by_event_type_and_hour"
DRIFT: Columns = {
    "difference": lambda row: row["what"],
    "hour": lambda row: row["hour"],
    "count": lambda row: row["count"],
}
FOUND = ("compared", "calls", "healed", "missed", "late", "wrong", "unknown", "miss_rate")


@click.group(cls=RunsByDefault)
def reconcile() -> None:
    """Compare with Codat's own record, and heal what differs. Runs by default."""


@reconcile.command()
@click.option("--company", "companies", multiple=True, help="Only this company; may be repeated.")
@click.option("--status", type=OneOf(CompanyStatus))
@click.option("--platform", help="Only companies on this platform: its key or name.")
@click.option("--preview", is_flag=True, help="Only show what it would cost.")
@click.option("--no-wait", is_flag=True, help="Begin it and return.")
@click.option(
    "--accept-deletions",
    is_flag=True,
    help="Mark companies deleted that Codat does not know, however many they are.",
)
@as_json
@uses_api
def run(
    api: Api,
    *,
    companies: tuple[str, ...],
    status: str | None,
    platform: str | None,
    preview: bool,
    no_wait: bool,
    accept_deletions: bool,
    as_json: bool,
) -> None:
    """Compare all companies, or some, with Codat's own record, and heal what differs.

    A comparison of all takes one call to Codat per page of 100 companies; of some, one each. One
    that finds more than 20 companies gone, and over 5 %, stops: see that the key is the right one.

    \b
    Examples:
      codat-relay reconcile
      codat-relay reconcile --platform Xero
    """
    if companies and (status or platform):
        raise click.UsageError("Name companies or give a filter, not both.")
    everyone = not (companies or status or platform)
    wanted = Chosen(companies, status, platform, everyone).body()
    more = {"preview": preview, "accept_deletions": accept_deletions}
    begun = api.post(PATH, wanted | more)
    if preview or no_wait or begun["id"] is None:
        _show_begun(begun, as_json=as_json)
        if begun["id"] is None and not preview:
            raise Failed(NO_COMPANY)
        return
    if not begun["begun"]:
        click.echo(f"{begun['id']} goes on already; this waits for it.", err=True)
    with goes_on(lambda: GOES_ON.format(begun["id"])):
        ended = _watch(api, begun["id"])
    if as_json:
        print_json(ended)
    else:
        show_facts({name: ended[name] for name in FOUND})
    if ended["phase"] == "stopped":
        raise Failed(
            f"Codat does not know {ended['gone']} companies that are held here. Is the key that of"
            " the right client? If they are deleted indeed, run it with --accept-deletions."
        )
    if ended["phase"] == "aborted":
        raise Failed(f"It was aborted; what it has healed stays ({ended['compared']} compared).")
    if ended["phase"] != "done":
        raise Failed(f"The reconciliation ended as {ended['phase']}.")


@reconcile.command()
@click.argument("reconciliation", metavar="ID", required=False)
@as_json
@uses_api
def show(api: Api, reconciliation: str | None, as_json: bool) -> None:
    """Show what one found, the latest if none is named: differences by event type and hour.

    \b
    Examples:
      codat-relay reconcile show
    """
    found = api.get(f"{PATH}/{reconciliation or _latest(api)}")
    if as_json:
        print_json(found)
        return
    show_facts({name: value for name, value in found.items() if name != BY_HOUR})
    rows = [
        {"what": what, "hour": hour, "count": count}
        for what, hours in sorted(found[BY_HOUR].items())
        for hour, count in sorted(hours.items())
    ]
    click.echo()
    show_rows(rows, DRIFT, empty="Nothing differed.")


@reconcile.command()
@click.argument("reconciliation", metavar="ID")
@as_json
@uses_api
def abort(api: Api, reconciliation: str, as_json: bool) -> None:
    """Stop one; what it has healed stays."""
    ended = api.post(f"{PATH}/{reconciliation}/abort")
    print_json(ended) if as_json else click.echo(f"{ended['id']} is {ended['phase']}.")


@reconcile.command("list")
@as_json
@uses_api
def list_runs(api: Api, as_json: bool) -> None:
    """List the latest reconciliations."""
    answer = api.get(PATH)
    if as_json:
        print_json(answer)
        return
    show_rows(
        answer["reconciliations"],
        {
            "id": lambda run: run["id"],
            "cause": lambda run: run["cause"],
            "phase": lambda run: run["phase"],
            "started": lambda run: run["started"],
            "compared": lambda run: run["compared"],
            "healed": lambda run: run["healed"],
            "missed": lambda run: run["missed"],
            "miss rate": lambda run: "-" if run["miss_rate"] is None else f"{run['miss_rate']:.1%}",
        },
        empty="There was none yet.",
    )


def _latest(api: Api) -> str:
    runs = api.get(PATH, limit=1)["reconciliations"]
    if not runs:
        raise Failed("There was none yet.")
    return str(runs[0]["id"])


def _show_begun(begun: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(begun)
        return
    click.echo(cost_in_words(begun["cost"]))
    if begun["id"]:
        click.echo(f"Begun as {begun['id']}.")


def _watch(api: Api, run: str) -> dict[str, Any]:
    """Wait for its end with a bar, rate and time left; without a terminal silently."""
    with bar() as progress:
        task = progress.add_task("Comparing", total=None, rate="")
        while True:
            now: dict[str, Any] = api.get(f"{PATH}/{run}")
            speed = progress.tasks[0].speed
            progress.update(
                task,
                completed=now["compared"],
                total=now["companies"],
                rate=f"{speed:,.0f}/s" if speed else "",
            )
            if now["phase"] in ("done", "aborted", "stopped"):
                return now
            time.sleep(POLL_SECONDS)
