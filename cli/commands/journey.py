"""Invite customers to link their software, and see how far they come."""

from itertools import islice
from typing import Any
from uuid import uuid4

import click

from cli.client import Api, uses_api
from cli.commands.companies import path_part, refuse_unknown
from cli.faults import Failed, Interrupted, Unreachable
from cli.groups import ListsByDefault
from cli.output import Columns, as_json, print_json, show_facts, show_rows

PAGE = 500
COLUMNS: Columns = {
    "id": lambda row: row["id"],
    "company": lambda row: row["company_name"] or row["company_id"],
    "reference": lambda row: row["reference"],
    "stage": lambda row: row["stage"],
    "platform": lambda row: row["platform_name"],
    "created": lambda row: row["created"],
    "expires": lambda row: row["expires"],
}
FACTS = (
    "id", "company_id", "company_name", "reference", "stage", "platform_name", "connection_id",
    "attempt", "reconnects", "created", "expires", "by", "reasons",
)  # fmt: skip
STEPS: Columns = {
    "at": lambda row: row["at"],
    "step": lambda row: row["type"].removeprefix("journey."),
    "detail": lambda row: row["detail"],
}
CONSENTS: Columns = {
    "agreed": lambda row: row["at"],
    "platform": lambda row: row["platform_key"],
    "text": lambda row: row["text_version"],
    "read": lambda row: row["cadence"],
    "data types": lambda row: len(row["data_types"]),
}
IDENTITY: Columns = {
    "": lambda row: row["which"],
    "name": lambda row: row["name"],
    "legal name": lambda row: row["legal_name"],
    "number": lambda row: row["registration_number"],
    "platform": lambda row: row["platform_name"],
    "books": lambda row: row["books"],
}
FUNNEL: Columns = {
    "platform": lambda row: row["platform_name"] or "(none chosen)",
    "journeys": lambda row: row["journeys"],
    "tries": lambda row: row["attempts"],
    "opened": lambda row: row["opened"],
    "chose": lambda row: row["platform_chosen"],
    "agreed": lambda row: row["consented"],
    "went": lambda row: row["authorising"],
    "linked": lambda row: row["linked"],
    "confirmed": lambda row: row["confirmed"],
    "left after": lambda row: _counts(row["left_at"]),
    "why": lambda row: _counts(row["reasons"]),
}
ONCE = "Send this link to the customer; it is shown this once:"
hours_of_validity = click.option(
    "--hours", default=336, show_default=True, type=click.IntRange(1), help="How long it works."
)


@click.group(cls=ListsByDefault)
def journey() -> None:
    """Invite customers to link, and see how far they come. Without a subcommand: list."""


@journey.command("list")
@click.option("--company", help="Only those of this company, by its id.")
@click.option("--stage", help="Only those that stand here, such as waiting or mismatch.")
@click.option("--reference", help="Only those with this reference of yours.")
@click.option("--platform", help="Only those on this platform, by key or name.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
@as_json
@uses_api
def list_journeys(*, api: Api, limit: int, as_json: bool, **filters: str | None) -> None:
    """List journeys, the newest first.

    \b
    Examples:
      codat-relay journey --stage waiting
    """
    wanted = {**filters, "limit": min(limit, PAGE)}
    pages = api.pages("/v1/journeys", "journeys", "before", **wanted)
    found = list(islice(pages, limit))
    if not found:
        refuse_unknown(api, filters["company"])
    if as_json:
        print_json({"journeys": found})
    else:
        show_rows(found, COLUMNS, empty="No journey fits.")


sent_again = click.option(
    "--key",
    default=lambda: str(uuid4()),
    show_default="a new one",
    help="Run again with the same one, the command does the same once (for 24 hours).",
)


@journey.command()
@sent_again
@click.option("--name", help="The company's name, if it is to be kept.")
@click.option("--reference", help="Yours, such as a loan's number; a dummy name is made of it.")
@click.option("--platform", "platforms", multiple=True, help="Offer this one, by key. Repeatable.")
@click.option("--type", "types", multiple=True, help="Offer these, such as Banking. Repeatable.")
@click.option("--return-url", help="Where the customer goes at the end.")
@click.option("--language", default="en", show_default=True)
@click.option(
    "--hours", default=336, show_default=True, type=click.IntRange(1), help="Of validity."
)
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
    """Create a company and give a link by which its customer connects.

    \b
    Examples:
      codat-relay journey new --reference LOAN-1042
      codat-relay journey new --name 'Acme Ltd' --type Banking --hours 48
    """
    given = {"name": name, "reference": reference, "return_url": return_url}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    body |= {"language": language, "expires_in_hours": hours}
    body |= {"platforms": list(platforms), "source_types": list(types)}
    _show_link(_invite(api, body, key), as_json)


@journey.command()
@sent_again
@click.argument("company_id", metavar="COMPANY")
@click.option("--connection", help="Which connection is to be linked again, if several broke.")
@click.option(
    "--hours", default=336, show_default=True, type=click.IntRange(1), help="Of validity."
)
@as_json
@uses_api
def reconnect(
    *, api: Api, company_id: str, connection: str | None, hours: int, key: str, as_json: bool
) -> None:
    """Give a link by which COMPANY, whose connection broke, connects again.

    A company that has no broken connection gets a link to connect another platform.

    \b
    Examples:
      codat-relay journey reconnect <company>
    """
    body: dict[str, Any] = {"company_id": path_part(company_id), "expires_in_hours": hours}
    if connection:
        body["connection_id"] = connection
    _show_link(_invite(api, body, key), as_json)


@journey.command()
@click.argument("journey_id", metavar="JOURNEY")
@as_json
@uses_api
def show(api: Api, journey_id: str, as_json: bool) -> None:
    """Show one journey: where it stands, its steps and consents."""
    found = api.get(f"/v1/journeys/{path_part(journey_id)}")
    if as_json:
        print_json(found)
        return
    show_facts({name: found[name] for name in FACTS})
    people = [{"which": which, **found[which]} for which in ("expected", "found") if found[which]]
    for title, rows, columns in (
        ("who it is", people, IDENTITY),
        ("consents", found["consents"], CONSENTS),
        ("steps", found["steps"], STEPS),
    ):
        click.echo()
        show_rows(rows, columns, title=title, empty=f"No {title}.")
    if found["stage"] == "mismatch":
        click.echo(f"\nAnother company was linked. `journey accept {journey_id}` lets it go on.")


@journey.command()
@click.argument("journey_id", metavar="JOURNEY")
@uses_api
def accept(api: Api, journey_id: str) -> None:
    """Say that the other company linked in JOURNEY is the right one."""
    found = api.post(f"/v1/journeys/{path_part(journey_id)}/accept")
    name = (found["found"] or {}).get("name") or found["company_id"]
    click.echo(f"Accepted: {name} is the right company; its customer can go on.")


@journey.command()
@click.argument("journey_id", metavar="JOURNEY")
@click.option(
    "--hours", default=336, show_default=True, type=click.IntRange(1), help="Of validity."
)
@as_json
@uses_api
def renew(api: Api, journey_id: str, hours: int, as_json: bool) -> None:
    """Give another link for JOURNEY; the one before stops working."""
    body = {"expires_in_hours": hours}
    _show_link(api.post(f"/v1/journeys/{path_part(journey_id)}/link", body), as_json)


@journey.command()
@click.argument("journey_id", metavar="JOURNEY")
@uses_api
def revoke(api: Api, journey_id: str) -> None:
    """End JOURNEY: its link stops working at once."""
    api.post(f"/v1/journeys/{path_part(journey_id)}/revoke")
    click.echo("Revoked: the link does not work any more.")


@journey.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400))
@click.option("--idle-hours", default=24, show_default=True, type=click.IntRange(1, 9600),
              help="Not moved for so long counts as left.")  # fmt: skip
@as_json
@uses_api
def funnel(api: Api, days: int, idle_hours: int, as_json: bool) -> None:
    """Show how far journeys come on each platform, where people leave, and why.

    \b
    Examples:
      codat-relay journey funnel
    """
    found = api.get("/v1/journeys/funnel", days=days, idle_hours=idle_hours)
    if as_json:
        print_json(found)
        return
    show_rows(found["platforms"], FUNNEL, empty="No journeys yet.")
    if found["not_listed"]:
        click.echo(f"\nLooked for and not found: {_counts(found['not_listed'])}")
    if not found["complete"]:
        click.echo("\nOnly the newest journeys were counted.")


def _invite(api: Api, body: dict[str, Any], key: str) -> dict[str, Any]:
    try:
        return dict(api.post("/v1/journeys", body, key))
    except (Unreachable, Failed, Interrupted) as error:
        if not getattr(error, "again", True):
            raise
        again = f"{error}\nTo have it done once, run the same again with `--key {key}`."
        raise type(error)(again) from None


def _show_link(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    again = f", to connect {made['platform_name']} again" if made["reconnects"] else ""
    click.echo(f"Journey {made['id']} of company {made['company_id']}{again}.")
    click.echo(f"{ONCE}\n{made['link']}")


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items())
