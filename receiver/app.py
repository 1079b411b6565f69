"""The small Flask app around the intake; webhook routes are answered before Flask is reached."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask

from receiver.intake import RETRY_AFTER, Answer, Delivery, Intake
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/webhooks/codat"
DEFAULT_SOURCE = "default"
SOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
NOT_FOUND = Answer(404, f"webhooks are taken at {PATH} and {PATH}/<source>")
NOT_ALLOWED = Answer(405, "webhooks are posted")
CUT_OFF = Answer(503, "the body ended early")


def create_app(settings: Settings, store: Store, hints: Hints) -> Flask:
    """Give the receiver over real or fake parts; raises ValueError when nothing could be proved."""
    app = Flask("receiver", static_folder=None)
    intake = Intake(
        store,
        hints,
        secrets=[secret.get_secret_value() for secret in settings.codat_webhook_secrets],
        authorizations=[value.get_secret_value() for value in settings.codat_legacy_authorization],
    )
    # In front of Flask, whose request handling costs more than all the work done here.
    app.wsgi_app = WebhookRoutes(app.wsgi_app, intake)  # type: ignore[method-assign]
    return app


class WebhookRoutes:
    """WSGI middleware: answers the webhook routes, and leaves all else to the app behind it."""

    def __init__(self, app: "WSGIApplication", intake: Intake) -> None:
        self._app = app
        self._intake = intake

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith("/webhooks/"):
            return self._app(environ, start_response)
        return _send(self._answer(path, environ), start_response)

    def _answer(self, path: str, environ: "WSGIEnvironment") -> Answer:
        source = _source(path)
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


def _source(path: str) -> str | None:
    if path == PATH:
        return DEFAULT_SOURCE
    name = path.removeprefix(PATH + "/")
    return name if SOURCE.fullmatch(name) else None


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
        # A length beside chunks is not to be believed, whatever the server in front made of it.
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
