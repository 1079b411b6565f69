"""Play a story of companies linking, against the sandbox."""

import random

import click
from rich.console import Console

from cli.client import Api, uses_api
from cli.data_dir import local_settings
from cli.demo.performance import Demo
from cli.demo.sandbox import Sandbox
from cli.faults import CannotStart

ORDER = 20
REAL = (
    "The demo makes companies up, so it plays with the sandbox only, and this service asks Codat"
    " itself. Unset CODAT_API_KEY and CODAT_API_URL to try it."
)


@click.command()
@click.option("--companies", "count", default=6, show_default=True, type=click.IntRange(1, 500))
@click.option("--seed", default=1, show_default=True, help="Decides who links which platform.")
@uses_api
def demo(*, api: Api, count: int, seed: int) -> None:
    """Create companies with dummy names, link them, and watch what becomes of them.

    One is given a schedule that falls due at once; another withdraws its authorisation and links
    again. Uses nothing but the service's API and the sandbox's controls. Ends with 1 unless every
    company is Linked under its real name in the end, and the event log has no gap.

    \b
    Examples:
      codat-relay demo
      codat-relay demo --companies 50 --seed 7
    """
    settings = local_settings()
    if not settings.uses_sandbox or not api.get("/v1/status")["uses_sandbox"]:
        raise CannotStart(REAL)
    # Only a token that may operate previews: another is refused before anything is said.
    api.post("/v1/reconciliations", {"all": True, "preview": True})
    Demo(api, Sandbox(settings.api_url), Console(), random.Random(seed)).play(count)  # noqa: S311
