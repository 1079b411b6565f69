"""The secret by which the sandbox's webhooks are signed on this machine."""

from pydantic import SecretStr

from cli.data_dir import DataDir
from cli.runner.embedded import make_private
from relay.settings import Settings


def webhook_secret(settings: Settings) -> str:
    """Return the first that is set, else the one kept in the data directory, made if need be."""
    if found := first(settings.codat_webhook_secrets):
        return found
    make_private(settings.relay_data_dir)
    return DataDir(settings.relay_data_dir).make_webhook_secret()


def first(secrets: tuple[SecretStr, ...]) -> str | None:
    """Return the first secret, if there is one."""
    return secrets[0].get_secret_value() if secrets else None
