"""Ask for links by which customers connect, and show them."""

from typing import Any
from uuid import uuid4

import click

from cli.client import Api
from cli.faults import Failed, Interrupted, Unreachable
from cli.output import print_json

ONCE = "Send this link to the customer; it is shown this once:"
hours_of_validity = click.option(
    "--hours", default=336, show_default=True, type=click.IntRange(1), help="Of validity."
)
sent_again = click.option(
    "--key",
    default=lambda: str(uuid4()),
    show_default="a new one",
    help="Run again with the same one, the command does the same once (for 24 hours).",
)


def invite(api: Api, body: dict[str, Any], key: str) -> dict[str, Any]:
    """Create a journey under a key by which it may be asked for again."""
    try:
        return dict(api.post("/v1/journeys", body, key))
    except (Unreachable, Failed, Interrupted) as error:
        if not getattr(error, "again", True):
            raise
        again = f"{error}\nTo have it done once, run the same again with `--key {key}`."
        raise type(error)(again) from None


def show_link(made: dict[str, Any], as_json: bool) -> None:
    """Print a journey's link, which is shown this once."""
    if as_json:
        print_json(made)
        return
    again = f", to connect {made['platform_name']} again" if made["reconnects"] else ""
    click.echo(f"Journey {made['id']} of company {made['company_id']}{again}.")
    click.echo(f"{ONCE}\n{made['link']}")
