"""Read companies from Codat again."""

from typing import Any

import click

from ops.api import Api, uses_api
from ops.output import as_json
from ops.selection import Chosen, chooses
from ops.work import leave, leaves


@click.command()
@chooses
@leaves
@as_json
@uses_api
def reread(*, api: Api, chosen: Chosen, **how: Any) -> None:
    """Read companies and their connections from Codat again: those named, of a filter, or all.

    A call to Codat each; `codat-relay reconcile` compares a hundred with one.
    """
    leave(api, "/v1/rereads", chosen.body(), "left", named=bool(chosen.companies), **how)
