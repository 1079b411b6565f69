"""JSON in and out of the app by orjson: quick, and strict about NaN, surrogates and nesting."""

from typing import Any

import orjson
from flask import Flask, request
from flask.json.provider import JSONProvider
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

FORMS = ("/link/", "/pc", "/ops/")
FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 16 * 1024  # bytes
MAX_FIELDS = 32


class OrjsonProvider(JSONProvider):
    """Flask's JSON, done by orjson."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Write JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read JSON; raise ValueError, which Flask answers with 400."""
        return orjson.loads(s)


def read_bodies(app: Flask) -> None:
    """Refuse a body that no view of ours reads, before one can take it for an empty one.

    Pages for people send small forms; all else is JSON. Anyone may send to those pages, so bodies
    that take long to read are refused: files, many fields, much text.
    """

    @app.before_request
    def read() -> None:
        if request.path.startswith(FORMS):
            _read_form()
            return
        if request.method in ("POST", "PUT", "PATCH") and request.get_data():
            request.get_json()


def _read_form() -> None:
    body = request.get_data()
    if len(body) > MAX_FORM_BYTES or body.count(b"&") >= MAX_FIELDS:
        raise RequestEntityTooLarge
    if body and request.mimetype != FORM:
        raise UnsupportedMediaType
