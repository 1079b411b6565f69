"""Run the sandbox that stands in for Codat."""

import click
from pydantic import SecretStr

from codat.signature import new_secret
from ops.addresses import local
from ops.here import refuse_unprovable, settings_here
from ops.ports import refuse_taken
from relay.logging import set_up
from sandbox.config import SandboxConfig
from sandbox.server import serve as serve_sandbox


@click.group()
def sandbox() -> None:
    """Run the sandbox that stands in for Codat: same API, link page and signed webhooks."""


@sandbox.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of SANDBOX_PORT.")
@click.option("--webhook-url", help="Where to post webhooks; the local web process by default.")
def serve(port: int | None, webhook_url: str | None) -> None:
    """Serve Codat's API on 127.0.0.1, for the key in SANDBOX_API_KEY. Holds all in memory."""
    settings = settings_here()
    set_up(settings.relay_log_level)
    refuse_unprovable(settings)
    config = SandboxConfig(
        webhook_secret=_first(settings.codat_webhook_secrets) or new_secret(),
        webhook_url=webhook_url or f"{local(settings)}/webhooks/codat",
        legacy_authorization=_first(settings.codat_legacy_authorization),
        api_key=settings.sandbox_api_key.get_secret_value(),
        port=port or settings.sandbox_at,
    )
    refuse_taken(config.host, config.port, "SANDBOX_PORT")
    serve_sandbox(config)


def _first(secrets: tuple[SecretStr, ...]) -> str | None:
    return secrets[0].get_secret_value() if secrets else None
