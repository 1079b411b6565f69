"""Print another link for a journey."""

import click

from cli.client import Api, path_part, uses_api
from cli.invitations import hours_of_validity, show_link
from cli.output import as_json

ORDER = 60


@click.command()
@click.argument("journey_id", metavar="JOURNEY")
@hours_of_validity
@as_json
@uses_api
def renew(api: Api, journey_id: str, hours: int, as_json: bool) -> None:
    """Print another link for JOURNEY; the one before stops working."""
    body = {"expires_in_hours": hours}
    show_link(api.post(f"/v1/journeys/{path_part(journey_id)}/link", body), as_json)
