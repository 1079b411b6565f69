"""Print a link to connect a company again."""

from typing import Any

import click

from cli.client import Api, path_part, uses_api
from cli.invitations import hours_of_validity, invite, sent_again, show_link
from cli.output import as_json

ORDER = 30


@click.command()
@sent_again
@click.argument("company_id", metavar="COMPANY")
@click.option("--connection", help="Which connection is to be linked again, if several broke.")
@hours_of_validity
@as_json
@uses_api
def reconnect(
    *, api: Api, company_id: str, connection: str | None, hours: int, key: str, as_json: bool
) -> None:
    """Print a link by which COMPANY, whose connection broke, connects again.

    A company that has no broken connection gets a link to connect another platform.

    \b
    Examples:
      codat-relay journey reconnect <company>
    """
    body: dict[str, Any] = {"company_id": path_part(company_id), "expires_in_hours": hours}
    if connection:
        body["connection_id"] = connection
    show_link(invite(api, body, key), as_json)
