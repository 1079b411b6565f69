"""Read companies from Codat again."""

from typing import Any

import click

from cli.client import Api, uses_api
from cli.output import as_json
from cli.selection import Chosen, chooses
from cli.work import enqueue_options, in_parts

ORDER = 110


@click.command()
@chooses
@enqueue_options
@as_json
@uses_api
def reread(*, api: Api, chosen: Chosen, **how: Any) -> None:
    """Read companies and their connections from Codat again: those named, of a filter, or all.

    A call to Codat each; `codat-relay reconcile` compares a hundred with one.

    \b
    Examples:
      codat-relay reread <company>
      codat-relay reread --status PendingAuth --preview
    """
    in_parts(api, "/v1/rereads", chosen, {}, how)
