"""Request syncs now, of one company, some or all."""

import time
from collections.abc import Mapping
from typing import Any

import click

from cli.client import Api, path_part, uses_api
from cli.output import Columns, as_json, print_json, show_rows
from cli.selection import Chosen, chooses
from cli.work import POLL_SECONDS, Work, enqueue_options, goes_on, in_parts

ORDER = 100
NO_COMPANY = "No linked company fits: nothing was done."
OUTCOME_WITHIN = 20.0  # seconds in which the log shows how what ended at Codat came out
UNKNOWN = "its outcome is not in the log yet; `codat-relay events --type 'sync.*'` shows it"


def _share(row: Mapping[str, Any]) -> str:
    share = "" if row["share"] is None else f" ({row['share']:.0%})"
    return f"{row['done']} of {row['total']}{share}"


SYNCS: Columns = {
    "data type": lambda row: row["data_type"],
    "period": lambda row: row["period"],
    "state": lambda row: row["state"],
    "done": _share,
    "failed": lambda row: row["failed"],
    "requested": lambda row: row["requested"],
    "ended": lambda row: row["ended"],
}


@click.group()
def sync() -> None:
    """Request syncs now, whatever the schedule says, and follow them."""


@sync.command()
@chooses
@click.option("--data-type", default="all", show_default=True, help="Such as invoices.")
@enqueue_options
@as_json
@uses_api
def now(*, api: Api, chosen: Chosen, data_type: str, **how: Any) -> None:
    """Ask Codat to sync companies now: those named, the linked ones of a filter, or all.

    A call to Codat each, for all data types at least two. The outcome comes as events:
    `codat-relay events --type 'sync.*'`.

    \b
    Examples:
      codat-relay sync now <company> --data-type invoices
      codat-relay sync now --platform Xero --preview
    """
    more = {"data_type": data_type}
    in_parts(api, "/v1/syncs", chosen, more, how, empty=NO_COMPANY, outcome=_not_requested)


def _not_requested(work: Work) -> list[dict[str, str]]:
    """Name the companies whose sync Codat was not asked for, with the reason, from the log."""
    period, known = work.like[0].rpartition(":")[2], dict[str, str | None]()
    deadline = time.monotonic() + OUTCOME_WITHIN
    with goes_on(lambda: UNKNOWN):
        while len(known) < work.left and time.monotonic() < deadline:
            for event in work.events("sync.requested", "sync.missed"):
                if event["data"].get("period") == period:
                    known[event["subject"]] = event["data"].get("reason")
            if len(known) < work.left:
                time.sleep(POLL_SECONDS)
    found = [{"name": c, "reason": reason} for c, reason in known.items() if reason]
    unheard = {"name": "(not known yet)", "reason": UNKNOWN}
    return found + [unheard] * (work.left - len(known))


@sync.command()
@click.argument("company_id", metavar="COMPANY")
@as_json
@uses_api
def show(api: Api, company_id: str, as_json: bool) -> None:
    """Show how far COMPANY's first and latest syncs have come, and what is stale.

    \b
    Examples:
      codat-relay sync show <company>
    """
    answer = api.get(f"/v1/companies/{path_part(company_id)}/syncs")
    if as_json:
        print_json(answer)
        return
    show_rows(answer["syncs"], SYNCS, empty="Nothing was asked for yet.")
    if answer["stale"]:
        click.echo(f"Stale: {', '.join(answer['stale'])}")
