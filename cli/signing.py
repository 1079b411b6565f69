"""The secret by which the sandbox's webhooks are signed on this machine."""

from pydantic import SecretStr

from cli.data_dir import Here
from cli.runner.embedded import make_private
from relay.settings import Settings


def webhook_secret(settings: Settings) -> str:
    """Give the first that is set, else the one kept in the data directory, made if need be."""
    if found := first(settings.codat_webhook_secrets):
        return found
    make_private(settings.relay_data_dir)
    return Here(settings.relay_data_dir).make_webhook_secret()


def first(secrets: tuple[SecretStr, ...]) -> str | None:
    """Give the first secret, if there is one."""
    return secrets[0].get_secret_value() if secrets else None
