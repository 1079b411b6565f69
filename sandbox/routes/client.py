"""What belongs to the Codat client itself: profile, sync settings, webhook consumers."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Blueprint, Response

from sandbox import refusals, views
from sandbox.model import Consumer
from sandbox.parts import body, parts, reply, text, world
from sandbox.platforms import ALL_DATA_TYPES

routes = Blueprint("client", __name__)
MOST_CONSUMERS = 50  # Codat: using-the-api/webhooks/create-consumer
PROFILE = ("name", "logoUrl", "iconUrl", "redirectUrl", "whiteListUrls")


@routes.get("/profile")
def get_profile() -> Response:
    """Show the client's profile."""
    return reply(world().profile)


@routes.put("/profile")
def update_profile() -> Response:
    """Set the client's profile."""
    data = body()
    text(data, "name")
    with world().lock:
        world().profile |= {name: data[name] for name in PROFILE if data.get(name) is not None}
        return reply(world().profile)


@routes.get("/profile/syncSettings")
def get_profile_sync_settings() -> Response:
    """Show the sync settings of all companies."""
    return reply({"clientId": parts().config.client_id, **world().sync_settings.shown()})


@routes.post("/profile/syncSettings")
def update_profile_sync_settings() -> Response:
    """Set the sync settings of all companies."""
    settings = _settings()
    with world().lock:
        world().sync_settings = world().sync_settings.changed(settings)
    return reply(status=204)


@routes.get("/companies/<company_id>/syncSettings")
def get_company_sync_settings(company_id: str) -> Response:
    """Show a company's sync settings."""
    company = world().company(company_id)
    return reply({"companyId": company.id, **world().settings_of(company).shown()})


@routes.post("/companies/<company_id>/syncSettings")
def set_company_sync_settings(company_id: str) -> Response:
    """Set a company's own sync settings."""
    settings = _settings()
    with world().lock:
        company = world().company(company_id)
        company.sync_settings = world().settings_of(company).changed(settings)
    return reply(status=204)


@routes.get("/webhooks")
def list_webhook_consumers() -> Response:
    """List the webhook consumers; never paged."""
    with world().lock:
        return reply({"results": [views.consumer(c) for c in world().consumers.values()]})


@routes.post("/webhooks")
def create_webhook_consumer() -> Response:
    """Register an endpoint for events."""
    data = body()
    url, types, tags = text(data, "url"), data.get("eventTypes"), data.get("companyTags") or []
    if urlsplit(url).scheme not in ("http", "https") or not _are_texts(types or []):
        raise refusals.bad_request()
    if not _are_texts(tags) or len(tags) > 10:
        raise refusals.bad_request()
    with world().lock:
        if len(world().consumers) >= MOST_CONSUMERS:
            raise refusals.bad_request("Webhook consumer limit exceeded")
        consumer = Consumer(str(uuid4()), url, types or None, tags, bool(data.get("disabled")))
        world().consumers[consumer.id] = consumer
    return reply(views.consumer(consumer), 201)


@routes.delete("/webhooks/<webhook_id>")
def delete_webhook_consumer(webhook_id: str) -> Response:
    """Remove an endpoint."""
    with world().lock:
        if world().consumers.pop(webhook_id.lower(), None) is None:
            raise refusals.not_found(f"Webhook consumer {webhook_id}")
    return reply(status=204)


def _settings() -> list[dict[str, Any]]:
    settings = body().get("settings")
    if not isinstance(settings, list) or not all(_is_setting(s) for s in settings):
        raise refusals.bad_request()
    return settings


def _is_setting(setting: Any) -> bool:
    return isinstance(setting, dict) and setting.get("dataType") in ALL_DATA_TYPES


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
