"""Show one journey: where it stands, its steps and consents."""

import click

from cli.client import Api, path_part, uses_api
from cli.output import Columns, as_json, print_json, show_facts, show_rows

ORDER = 40
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


@click.command()
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
