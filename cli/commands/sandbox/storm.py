"""Send a storm of webhooks, and keep the score."""

import time
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from cli.addresses import ANY, local
from cli.data_dir import local_settings
from cli.faults import Failed
from cli.output import as_json, print_json, show_facts
from cli.signing import webhook_secret
from sandbox.journal import Journal
from sandbox.load.load_generator import LoadGenerator, Note
from sandbox.load.storm import StormConfig, brew
from sandbox.webhooks.messages import Message

ORDER = 30


@click.command()
@click.option("--to", "url", type=ANY, help="Where to.  [default: the local web process]")
@click.option("--companies", default=5_000, show_default=True, type=click.IntRange(1))
@click.option("--webhooks", default=50_000, show_default=True, type=click.IntRange(1))
@click.option("--duplicates", default=0.1, show_default=True, type=click.FloatRange(0, 1))
@click.option("--reorder", default=3.0, show_default=True, type=click.FloatRange(0))
@click.option("--seed", default=1, show_default=True)
@click.option("--connections", default=16, show_default=True, type=click.IntRange(1, 512))
@click.option("--rate", type=click.FloatRange(1), help="Attempts a second at most.")
@click.option("--journal", type=click.File("wb"), help="Write every attempt here, as JSON lines.")
@click.option("--ends", type=click.File("wb"), help="Write how each company must end, as JSON.")
@as_json
def storm(
    *,
    url: str | None,
    companies: int,
    webhooks: int,
    duplicates: float,
    reorder: float,
    seed: int,
    connections: int,
    rate: float | None,
    journal: Any,
    ends: Any,
    as_json: bool,
) -> None:
    """Send a storm of webhooks: many companies' lives, doubled and out of order, signed.

    Says what was sent, acknowledged and given up, and ends with 1 when anything was given up.

    \b
    Examples:
      codat-relay sandbox storm
    """
    settings = local_settings()
    url = url or f"{local(settings)}/webhooks/codat"
    wanted = StormConfig(companies, webhooks, seed, duplicates, reorder)
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        task = progress.add_task("making it", total=None)
        made = brew(wanted, url, webhook_secret(settings), time.time())
        progress.update(task, description="sending", total=len(made.messages))
        score = LoadGenerator(
            url,
            webhook_secret(settings),
            connections=connections,
            rate=rate,
            note=_writer(journal),
            said=lambda number: progress.advance(task, number),
        ).throw(made.messages)
    if ends:
        ends.write(orjson.dumps(made.ends, option=orjson.OPT_INDENT_2) + b"\n")
    shown = {"unique": made.unique, **score.shown()}
    print_json(shown) if as_json else show_facts(shown)
    if score.given_up:
        raise Failed(f"{score.given_up} messages were given up.")


def _writer(file: Any) -> Note:
    """Return what notes each attempt in a file, in the words of the sandbox's journal."""
    if file is None:
        return lambda *what: None

    def note(message: Message, attempt: int, status: int | None, outcome: str) -> None:
        entry = Journal.entry(message, attempt, status, outcome)
        file.write(orjson.dumps({"time": time.time(), **entry}) + b"\n")

    return note
