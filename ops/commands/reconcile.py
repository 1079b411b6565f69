"""Compare what is held with Codat's own record, and put right what differs."""

import sys
import time
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops.api import Api, uses_api
from ops.faults import Failed
from ops.groups import RunsByDefault
from ops.output import as_json, print_json, show_facts, show_rows

LOOK_EVERY = 0.5  # seconds
FOUND = ("compared", "calls", "healed", "missed", "late", "wrong", "unknown", "miss_rate")


@click.group(cls=RunsByDefault)
def reconcile() -> None:
    """Compare with Codat's own record, and heal what differs. Runs by default."""


@reconcile.command()
@click.option("--company", "companies", multiple=True, help="Only this company; may be repeated.")
@click.option("--status", help="Only companies of this status, such as Linked.")
@click.option("--preview", is_flag=True, help="Only tell what it would cost.")
@click.option("--no-wait", is_flag=True, help="Begin it and return.")
@as_json
@uses_api
def run(
    api: Api,
    *,
    companies: tuple[str, ...],
    status: str | None,
    preview: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Compare all companies, or some, with Codat's own record, and heal what differs.

    A comparison of all takes one call to Codat per page of 100 companies; of some, one each.
    """
    wanted: dict[str, Any] = {"preview": preview}
    if companies:
        wanted["companies"] = list(companies)
    elif status:
        wanted["status"] = status
    else:
        wanted["all"] = True
    begun = api.post("/v1/reconciliations", wanted)
    if preview or no_wait or begun["id"] is None:
        _show_begun(begun, as_json=as_json)
        return
    if not begun["begun"]:
        click.echo(f"{begun['id']} goes on already; this waits for it.", err=True)
    ended = _watch(api, begun["id"])
    if as_json:
        print_json(ended)
    else:
        show_facts({name: ended[name] for name in FOUND})
    if ended["phase"] != "done":
        raise Failed(f"The reconciliation ended as {ended['phase']}.")


@reconcile.command("list")
@as_json
@uses_api
def list_runs(api: Api, as_json: bool) -> None:
    """List the latest reconciliations."""
    answer = api.get("/v1/reconciliations")
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


def _show_begun(begun: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(begun)
        return
    cost = begun["cost"]
    left = cost["calls_left_today"]
    known = "" if left is None else f" of {left} left today"
    click.echo(f"{cost['companies']} companies, {cost['calls']} calls to Codat{known}.")
    if begun["id"]:
        click.echo(f"Begun as {begun['id']}.")


def _watch(api: Api, run: str) -> dict[str, Any]:
    """Wait for its end with a bar, rate and time left; without a terminal silently."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("Comparing", total=None, rate="")
        while True:
            now: dict[str, Any] = api.get(f"/v1/reconciliations/{run}")
            speed = bar.tasks[0].speed
            bar.update(
                task,
                completed=now["compared"],
                total=now["companies"],
                rate=f"{speed:,.0f}/s" if speed else "",
            )
            if now["phase"] in ("done", "aborted"):
                return now
            time.sleep(LOOK_EVERY)
