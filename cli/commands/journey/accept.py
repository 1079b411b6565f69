"""Accept the other company that was linked in a journey."""

import click

from cli.client import Api, path_part, uses_api

ORDER = 50


@click.command()
@click.argument("journey_id", metavar="JOURNEY")
@uses_api
def accept(api: Api, journey_id: str) -> None:
    """Confirm that the other company linked in JOURNEY is the right one."""
    found = api.post(f"/v1/journeys/{path_part(journey_id)}/accept")
    name = (found["found"] or {}).get("name") or found["company_id"]
    click.echo(f"Accepted: {name} is the right company; its customer can go on.")
