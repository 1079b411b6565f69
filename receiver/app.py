"""The small Flask app around the intake; webhook routes are answered before Flask is reached."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask

from receiver.intake import RETRY_AFTER, Answer, Delivery, Intake
from receiver.paths import PATH, is_for_webhooks, source_of
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NOT_FOUND = Answer(404, f"webhooks are taken at {PATH}")
NOT_ALLOWED = Answer(405, "webhooks are posted")
CUT_OFF = Answer(503, "the body ended early")


def create_app(settings: Settings, store: Store, hints: Hints) -> Flask:
    """Return the receiver over real or fake parts; ValueError when no proof is set up."""
    app = Flask("receiver", static_folder=None)
    intake = Intake(
        store,
        hints,
        secrets=[secret.get_secret_value() for secret in settings.codat_webhook_secrets],
        authorizations=[value.get_secret_value() for value in settings.codat_legacy_authorization],
        our_client=lambda: our_client(settings, store),
    )
    # In front of Flask, whose request handling costs more than all the work done here.
    app.wsgi_app = WebhookRoutes(app.wsgi_app, intake, settings.relay_webhook_source)  # type: ignore[method-assign]
    return app


def our_client(settings: Settings, store: Store) -> str | None:
    """Return the id of the Codat client whose webhooks are ours, None where it is not known."""
    if settings.codat_client_id:
        return settings.codat_client_id.lower()
    # Beside the sandbox anything may be sent, such as Codat's samples, which name many clients.
    return None if settings.uses_sandbox else store.platforms.client_id(settings.key_mark)


class WebhookRoutes:
    """WSGI middleware: answers the webhook routes, and passes all else to the app behind it."""

    def __init__(self, app: "WSGIApplication", intake: Intake, source: str | None) -> None:
        self._app = app
        self._intake = intake
        self._source = source

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ.get("PATH_INFO", "")
        if not is_for_webhooks(path):
            return self._app(environ, start_response)
        return _send(self._answer(path, environ), start_response)

    def _answer(self, path: str, environ: "WSGIEnvironment") -> Answer:
        source = source_of(path, self._source)
        if source is None:
            return NOT_FOUND
        # A transformation set in Codat's Portal may turn POST into PUT.
        if environ["REQUEST_METHOD"] not in ("POST", "PUT"):
            return NOT_ALLOWED
        delivery = Delivery(_headers(environ), source)
        length = self._intake.before_body(delivery)
        if isinstance(length, Answer):
            return length
        try:
            body: bytes = environ["wsgi.input"].read(length)
        except OSError:
            return CUT_OFF
        if len(body) != length:
            return CUT_OFF
        return self._intake.take(delivery, body)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    if "chunked" in headers.get("transfer-encoding", "").lower():
        # A length beside chunks cannot be trusted, whatever the server in front did with it.
        headers.pop("content-length", None)
    return headers


def _send(answer: Answer, start_response: "StartResponse") -> Iterable[bytes]:
    text = answer.reason.encode()
    headers = [("Content-Length", str(len(text)))] if answer.status != 204 else []
    if text:
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    if answer.status == 503:
        headers.append(("Retry-After", RETRY_AFTER))
    if answer.status == 405:
        headers.append(("Allow", "POST"))
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [text] if text else []
