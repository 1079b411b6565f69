"""Serve Codat's API from this machine."""

from pathlib import Path

import click

from cli.addresses import ANY, local
from cli.data_dir import begin_process
from cli.faults import CannotStart
from cli.runner.ports import refuse_taken
from cli.signing import first, webhook_secret
from sandbox.config import SandboxConfig
from sandbox.server.persistence import BadState
from sandbox.server.server import serve as serve_sandbox

ORDER = 10
# What docs/connect-codat.md says to set in the Codat Portal.
RETURN = "/link/return?companyId={companyId}&statusCode={statusCode}&journey={journey}"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of SANDBOX_PORT.")
@click.option(
    "--webhook-url", type=ANY, help="Where to post webhooks; the local web process by default."
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what the sandbox holds in this file, and begin with what it holds.",
)
@click.option("--seed", type=int, help="Let ids and businesses follow this number.")
@click.option("--free-plan", is_flag=True, help="Have a free plan's limits.")
def serve(
    *,
    port: int | None,
    webhook_url: str | None,
    state: Path | None,
    seed: int | None,
    free_plan: bool,
) -> None:
    """Serve Codat's API on 127.0.0.1, for the key in SANDBOX_API_KEY.

    Needs nothing else: without CODAT_WEBHOOK_SECRETS a signing secret is made and kept in the data
    directory. Without --state all is held in memory.

    \b
    Examples:
      codat-relay sandbox serve --port 8001 --webhook-url http://127.0.0.1:9000/my-hooks
    """
    settings = begin_process()
    config = SandboxConfig(
        webhook_secret=webhook_secret(settings),
        webhook_url=webhook_url or f"{local(settings)}/webhooks/codat",
        legacy_authorization=first(settings.codat_legacy_authorization),
        api_key=settings.sandbox_api_key.get_secret_value(),
        port=port or settings.sandbox_at,
        seed=1 if seed is None else seed,
        has_fixed_ids=seed is not None,
        is_free_plan=free_plan,
        state_file=state,
        redirect_url=f"{settings.public_url}{RETURN}",
    )
    refuse_taken(config.host, config.port, "SANDBOX_PORT")
    at = f"http://{config.host}:{config.port}"
    click.echo(f"The sandbox serves Codat's API at {at} and its controls at {at}/sandbox/")
    try:
        serve_sandbox(config)
    except BadState as error:
        raise CannotStart(str(error)) from None
