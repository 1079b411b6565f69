"""Create a company and print a link for its customer."""

from typing import Any

import click

from cli.client import Api, uses_api
from cli.invitations import hours_of_validity, invite, sent_again, show_link
from cli.output import as_json

ORDER = 20


@click.command()
@sent_again
@click.option("--name", help="The company's name, if it is to be kept.")
@click.option("--reference", help="Yours, such as a loan's number; a dummy name is made of it.")
@click.option("--platform", "platforms", multiple=True, help="Offer this one, by key. Repeatable.")
@click.option("--type", "types", multiple=True, help="Offer these, such as Banking. Repeatable.")
@click.option("--return-url", help="Where the customer goes at the end.")
@click.option("--language", default="en", show_default=True)
@hours_of_validity
@as_json
@uses_api
def new(
    *,
    api: Api,
    name: str | None,
    reference: str | None,
    platforms: tuple[str, ...],
    types: tuple[str, ...],
    return_url: str | None,
    language: str,
    hours: int,
    key: str,
    as_json: bool,
) -> None:
    """Create a company and print a link by which its customer connects.

    \b
    Examples:
      codat-relay journey new --reference LOAN-1042
      codat-relay journey new --name 'Acme Ltd' --type Banking --hours 48
    """
    given = {"name": name, "reference": reference, "return_url": return_url}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    body |= {"language": language, "expires_in_hours": hours}
    body |= {"platforms": list(platforms), "source_types": list(types)}
    show_link(invite(api, body, key), as_json)
