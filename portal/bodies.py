"""JSON in and out of the app by orjson: quick, and strict about NaN, surrogates and nesting."""

from typing import Any

import orjson
from flask import Flask, request
from flask.json.provider import JSONProvider


class OrjsonProvider(JSONProvider):
    """Flask's JSON, done by orjson."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Write JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read JSON; raises ValueError, which Flask answers with 400."""
        return orjson.loads(s)


def read_bodies(app: Flask) -> None:
    """Refuse a body that is not JSON before a view can take it for an empty one."""

    @app.before_request
    def read() -> None:
        if request.path.startswith(("/link/", "/pc", "/ops/")):
            return  # pages for people send forms
        if request.method in ("POST", "PUT", "PATCH") and request.get_data():
            request.get_json()
