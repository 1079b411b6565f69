"""Show what waits, what runs and what is stuck."""

from typing import Any

import click

from cli.client import Api, uses_api
from cli.output import as_json, print_json, show_facts

ORDER = 30
SANDBOX = "The sandbox stands in for Codat: no company here is real."


@click.command()
@as_json
@uses_api
def status(api: Api, as_json: bool) -> None:
    """Show what waits, what runs, and who is alive.

    \b
    Examples:
      codat-relay status
    """
    answer: dict[str, Any] = api.get("/v1/status")
    if as_json:
        print_json(answer)
        return
    if answer.pop("uses_sandbox", False):
        click.echo(SANDBOX)
    show_facts(dict(_flat(answer)))


def _flat(answer: dict[str, Any]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = []
    for name, value in answer.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            facts += [(f"{label}: {part.replace('_', ' ')}", n) for part, n in value.items()]
        else:
            facts.append((label, value))
    return facts
