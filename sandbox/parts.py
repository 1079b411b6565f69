"""What the routes work with, kept on the Flask application."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from flask import Response, current_app, request

from sandbox import refusals
from sandbox.config import SandboxConfig
from sandbox.delivery import PostOffice
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.world import World

EXTENSION = "sandbox"


@dataclass(frozen=True, slots=True)
class Parts:
    """One sandbox: its world, who posts its webhooks, its journal and its faults."""

    config: SandboxConfig
    world: World
    post: PostOffice
    journal: Journal
    faults: Faults


def parts() -> Parts:
    """Give the parts of the application that serves this request."""
    return cast(Parts, current_app.extensions[EXTENSION])


def world() -> World:
    """Give the world of the application that serves this request."""
    return parts().world


def reply(data: Any = None, status: int = 200) -> Response:
    """Answer with JSON, or with nothing for 204."""
    if status == 204:
        return Response(status=204)
    return Response(orjson.dumps(data), status, mimetype="application/json")


def body() -> dict[str, Any]:
    """Read the request's JSON object; raises `Refusal` 400 for anything else."""
    try:
        data = orjson.loads(request.get_data() or b"{}")
    except orjson.JSONDecodeError as error:
        raise refusals.bad_request() from error
    if not isinstance(data, dict):
        raise refusals.bad_request()
    return data


def text(data: Mapping[str, Any], name: str) -> str:
    """Take a text that must be there and not empty; raises `Refusal` 400."""
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise refusals.bad_request(f"Error processing request - {name} is required.")
    return value


def may_call() -> bool:
    """Say whether the request carries the API key, as base64 of the bare key."""
    given = request.headers.get("Authorization", "")
    wanted = "Basic " + b64encode(parts().config.api_key.encode()).decode()
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted.encode())
