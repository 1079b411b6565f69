"""Request syncs now."""

from typing import Any

import click

from ops.api import Api, uses_api
from ops.output import as_json
from ops.selection import Chosen, chooses
from ops.work import leave, leaves


@click.group()
def sync() -> None:
    """Request syncs now, whatever the cadence."""


@sync.command()
@chooses
@click.option("--data-type", default="all", show_default=True, help="Such as invoices.")
@leaves
@as_json
@uses_api
def now(*, api: Api, chosen: Chosen, data_type: str, **how: Any) -> None:
    """Ask Codat to sync companies now: those named, the linked ones of a filter, or all.

    A call to Codat each. The outcome comes as events: `codat-relay events --type 'sync.*'`.
    """
    for part in chosen.parts():
        body = part.body() | {"data_type": data_type}
        leave(api, "/v1/syncs", body, "left", named=bool(chosen.companies), **how)
