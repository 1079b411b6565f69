"""Play a scenario on the running sandbox, and check how the service ends."""

from operator import itemgetter
from typing import Any

import click
import requests

from cli.addresses import session_for
from cli.choices import OneOf
from cli.client import open_api, url_option
from cli.data_dir import local_settings
from cli.faults import CannotStart, Failed, Unreachable
from cli.output import as_json, print_json, show_rows
from cli.scenario_check import Ending, ScenarioCheck
from relay.settings import Settings
from sandbox import scenarios

ORDER = 20
PLAY_TIMEOUT = 600.0  # seconds


@click.command()
@click.argument("scenario", type=OneOf(scenarios.names()))
@click.option("--seed", type=int, help="Decides every id; drawn where none is given.")
@url_option
@click.option("--token", envvar="RELAY_TOKEN", help="Bearer token.  [env: RELAY_TOKEN]")
@click.option("--check/--no-check", default=True, help="Whether to see how the service ends.")
@as_json
def play(
    *,
    scenario: str,
    seed: int | None,
    url: str | None,
    token: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Play a scenario on the running sandbox, and see that the service ends as the file states.

    The same seed gives the same story, every id included. Ends with 1 when the service holds
    anything else a minute later.

    \b
    Examples:
      codat-relay sandbox play relink --seed 1
    """
    settings = local_settings()
    checking = ScenarioCheck(open_api(settings, url, token)) if check else None
    played = _play(settings, scenario, seed)
    endings = checking.endings(played) if checking else []
    if as_json:
        print_json({**played, "verdicts": [ending.shown() for ending in endings]})
    else:
        _show(played, endings, scenarios.load(scenario).about)
    if wrong := [ending for ending in endings if not ending.is_met]:
        raise Failed(f"{len(wrong)} of {len(endings)} ended otherwise than the scenario states.")


def _play(settings: Settings, scenario: str, seed: int | None) -> dict[str, Any]:
    address = f"{settings.api_url}/sandbox/play"
    if not settings.uses_sandbox:
        raise CannotStart("The service asks Codat itself; scenarios play on the sandbox only.")
    asked = {"scenario": scenario, **({} if seed is None else {"seed": seed})}
    try:
        answer = session_for(address).post(address, json=asked, timeout=PLAY_TIMEOUT)
    except requests.RequestException:
        raise Unreachable(f"The sandbox at {settings.api_url} does not answer.") from None
    if not answer.ok:
        raise Failed(f"The sandbox refused: {answer.status_code} {answer.text[:300]}")
    played: dict[str, Any] = answer.json()
    return played


def _show(played: dict[str, Any], endings: list[Ending], about: str) -> None:
    click.echo(f"{about}\nPlayed with seed {played['seed']}.\n")
    rows = [ending.shown() for ending in endings] or played["companies"]
    show_rows(rows, {name: itemgetter(name) for name in rows[0]} if rows else {})
