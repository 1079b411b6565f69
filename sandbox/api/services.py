"""What the routes work with, kept on the Flask application."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from flask import Response, current_app, request

from sandbox.api.concurrency import ConcurrencyLimit
from sandbox.api.faults import Faults
from sandbox.api.idempotency import Idempotency
from sandbox.config import SandboxConfig
from sandbox.journal import Journal
from sandbox.webhooks.delivery import WebhookDelivery
from sandbox.world import refusals
from sandbox.world.clock import Clock
from sandbox.world.world import World

EXTENSION = "sandbox"
_LETTER = r"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~:@!$&'()*+,;=])"
_URL = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~]+)(?::[0-9]{1,5})?"
    rf"(?:/{_LETTER}*)*(?:\?(?:{_LETTER}|[/?])*)?(?:#(?:{_LETTER}|[/?])*)?"
)


@dataclass(frozen=True, slots=True)
class Services:
    """One sandbox: its world, its webhooks, its journal, and the faults that are set."""

    config: SandboxConfig
    world: World
    delivery: WebhookDelivery
    journal: Journal
    faults: Faults
    clock: Clock
    idempotency: Idempotency
    concurrency: ConcurrencyLimit


def services() -> Services:
    """Return the services of the application that serves this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def world() -> World:
    """Return the world of the application that serves this request."""
    return services().world


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


def texts(value: Any) -> list[str]:
    """Take a list of texts, or nothing for none; raises `Refusal` 400."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise refusals.bad_request()
    return value


def urls(values: list[str]) -> list[str]:
    """Take addresses of web sites, as RFC 3986 writes them; raises `Refusal` 400."""
    if not all(_URL.fullmatch(value) for value in values):
        raise refusals.bad_request()
    return values
