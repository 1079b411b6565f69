"""End a journey: its link stops working."""

import click

from cli.client import Api, path_part, uses_api

ORDER = 70


@click.command()
@click.argument("journey_id", metavar="JOURNEY")
@uses_api
def revoke(api: Api, journey_id: str) -> None:
    """End JOURNEY: its link stops working at once."""
    api.post(f"/v1/journeys/{path_part(journey_id)}/revoke")
    click.echo("Revoked: the link does not work any more.")
