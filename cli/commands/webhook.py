"""Sign and send webhooks, as Codat does."""

import time
from typing import BinaryIO
from uuid import uuid4

import click
import requests

from cli.addresses import ANY, local, session_for
from cli.data_dir import local_settings
from cli.faults import CannotStart, Failed, Unreachable
from cli.output import as_json, print_json
from codat.signature import headers
from relay.settings import Settings
from relay.tokens import SENDABLE

ORDER = 160
NO_SECRET = "CODAT_WEBHOOK_SECRETS is not set, so nothing can be signed."  # noqa: S105
ANSWER_WITHIN = 15  # seconds, as long as Codat waits

body_file = click.argument("file", type=click.File("rb"))


def _sendable(_: click.Context, param: click.Parameter, given: str | None) -> str | None:
    if given is not None and not SENDABLE.fullmatch(given):
        raise click.BadParameter("must be visible ASCII characters, without spaces.", param=param)
    return given


message_id = click.option(
    "--id", "message_id", callback=_sendable, help="The message id; a fresh one by default."
)


@click.group()
def webhook() -> None:
    """Sign and send webhooks, as Codat does. FILE holds the body; - reads it from stdin."""


@webhook.command()
@body_file
@message_id
@as_json
def sign(*, file: BinaryIO, message_id: str | None, as_json: bool) -> None:
    """Print the headers that prove FILE genuine, for the next five minutes.

    \b
    Examples:
      codat-relay webhook sign event.json
    """
    signed = _headers(local_settings(), file.read(), message_id)
    if as_json:
        print_json(signed)
        return
    for name, value in signed.items():
        click.echo(f"{name}: {value}")


@webhook.command()
@body_file
@message_id
@click.option("--url", type=ANY, help="Where to; the local web process by default.")
def send(*, file: BinaryIO, message_id: str | None, url: str | None) -> None:
    """Sign FILE and post it. Ends with 1 unless it is taken (2xx).

    \b
    Examples:
      codat-relay webhook send event.json
    """
    settings = local_settings()
    body, to = file.read(), url or f"{local(settings)}/webhooks/codat"
    signed = _headers(settings, body, message_id) | {"Content-Type": "application/json"}
    try:
        answer = session_for(to).post(to, data=body, headers=signed, timeout=ANSWER_WITHIN)
    except requests.RequestException as error:
        raise Unreachable(f"{to} does not answer ({type(error).__name__}).") from None
    said = f"{answer.status_code} {answer.reason} {answer.text[:200]}".rstrip()
    if not answer.ok:
        raise Failed(f"{to}: {said}")
    click.echo(f"{said}  (message {signed['webhook-id']})")


def _headers(settings: Settings, body: bytes, message_id: str | None) -> dict[str, str]:
    if not settings.codat_webhook_secrets:
        raise CannotStart(NO_SECRET)
    secret = settings.codat_webhook_secrets[0].get_secret_value()
    try:
        return headers(secret, message_id or f"msg_{uuid4().hex}", int(time.time()), body)
    except UnicodeDecodeError:
        raise Failed("The file is not UTF-8 text, so it cannot be a webhook.") from None
