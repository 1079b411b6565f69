"""What belongs to the Codat client itself: profile, sync settings, API keys, allowed origins."""

from typing import Any

from flask import Blueprint, Response

from sandbox.api.services import body, reply, services, text, texts, urls, world
from sandbox.world import refusals
from sandbox.world.moments import iso
from sandbox.world.platforms import ALL_DATA_TYPES

routes = Blueprint("client", __name__)
PROFILE = ("name", "logoUrl", "iconUrl", "redirectUrl", "whiteListUrls", "alertAuthHeader")
MAX_SCHEDULE_HOURS = 100_000  # hours


@routes.get("/profile")
def get_profile() -> Response:
    """Show the client's profile."""
    return reply(world().profile)


@routes.put("/profile")
def update_profile() -> Response:
    """Set the client's profile; `alertAuthHeader` is the older rules' `Authorization` value."""
    data = body()
    text(data, "name")
    if not isinstance(data.get("redirectUrl"), str):
        raise refusals.bad_request()
    urls(texts(data.get("whiteListUrls")))
    given = {name: data[name] for name in PROFILE if data.get(name) is not None}
    if not all(isinstance(v, str) for name, v in given.items() if name != "whiteListUrls"):
        raise refusals.bad_request()
    with world().lock:
        world().profile |= given
        if "alertAuthHeader" in given:
            services().delivery.authorization = given["alertAuthHeader"]
        return reply(world().profile)


@routes.get("/profile/syncSettings")
def get_profile_sync_settings() -> Response:
    """Show the sync settings of all companies."""
    return reply({"clientId": services().config.client_id, **world().sync_settings.shown()})


@routes.post("/profile/syncSettings")
def update_profile_sync_settings() -> Response:
    """Set the sync settings of all companies."""
    world().set_sync_settings(_settings("clientId"))
    return reply(status=204)


@routes.get("/companies/<company_id>/syncSettings")
def get_company_sync_settings(company_id: str) -> Response:
    """Show a company's sync settings."""
    company = world().company(company_id)
    return reply({"companyId": company.id, **world().settings_of(company).shown()})


@routes.post("/companies/<company_id>/syncSettings")
def set_company_sync_settings(company_id: str) -> Response:
    """Set a company's own sync settings."""
    company = world().company(company_id)
    world().set_sync_settings(_settings("companyId"), company)
    return reply(status=204)


@routes.get("/apiKeys")
def list_api_keys() -> Response:
    """List the API keys."""
    return reply({"results": [key.shown() for key in list(world().keys.held.values())]})


@routes.post("/apiKeys")
def create_api_key() -> Response:
    """Make an API key, ten at most."""
    name = body().get("name")
    if name is not None and not isinstance(name, str):
        raise refusals.bad_request()
    with world().lock:
        return reply(world().keys.create(name, iso(world().clock())).shown(), 201)


@routes.delete("/apiKeys/<api_key_id>")
def delete_api_key(api_key_id: str) -> Response:
    """Take an API key away; it opens nothing from now on."""
    with world().lock:
        world().keys.delete(api_key_id.lower())
    return reply(status=204)


@routes.get("/corsSettings")
@routes.get("/connectionManagement/corsSettings")
def get_cors_settings() -> Response:
    """Show the origins that may use Codat's components; the second path is the older one."""
    return reply({"allowedOrigins": world().origins})


@routes.post("/corsSettings")
@routes.post("/connectionManagement/corsSettings")
def set_cors_settings() -> Response:
    """Set the origins that may use Codat's components."""
    world().origins = urls(texts(body().get("allowedOrigins")))
    return reply({"allowedOrigins": world().origins})


def _settings(owner: str) -> list[dict[str, Any]]:
    """Read sync settings; raises `Refusal` 400 where a field that Codat requires is missing."""
    data = body()
    settings = data.get("settings")
    if not isinstance(data.get(owner), str) or not isinstance(data.get("overridesDefaults"), bool):
        raise refusals.bad_request()
    if not isinstance(settings, list) or not all(_is_setting(s) for s in settings):
        raise refusals.bad_request()
    return settings


def _is_setting(setting: Any) -> bool:
    return (
        isinstance(setting, dict)
        and setting.get("dataType") in ALL_DATA_TYPES
        and isinstance(setting.get("fetchOnFirstLink"), bool)
        and _is_whole(setting.get("syncSchedule"), MAX_SCHEDULE_HOURS)
        and _is_whole(setting.get("syncOrder"))
        and all(
            _is_whole(setting[name])
            for name in ("syncFromWindow", "monthsToSync")
            if name in setting
        )
        and isinstance(setting.get("syncFromUtc", ""), str)
        and isinstance(setting.get("isLocked", False), bool)
    )


def _is_whole(value: Any, most: int = 2**31) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
