"""Codat's integrations: what can be linked."""

from typing import Any

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.query import Query, ordered
from sandbox.api.services import reply, world
from sandbox.world import platforms, refusals, views

routes = Blueprint("integrations", __name__)
KNOWN = frozenset(
    [
        "key",
        "logoUrl",
        "name",
        "enabled",
        "sourceId",
        "sourceType",
        "integrationId",
        "isOfflineConnector",
        "isBeta",
    ]
)


@routes.get("/integrations")
def list_integrations() -> Response:
    """List what can be linked, filtered and paged."""
    shown: list[dict[str, Any]] = [
        views.integration(p, world().base_url) for p in platforms.PLATFORMS.values()
    ]
    if text := request.args.get("query"):
        shown = list(filter(Query(text, "Integration", KNOWN).matches, shown))
    if order := request.args.get("orderBy"):
        shown = ordered(shown, order)
    return reply(page(shown, dict, request.path, request.args))


@routes.get("/integrations/<platform_key>")
def get_integration(platform_key: str) -> Response:
    """Show one integration."""
    return reply(views.integration(_platform(platform_key), world().base_url))


@routes.get("/integrations/<platform_key>/branding")
def get_integrations_branding(platform_key: str) -> Response:
    """Show an integration's logos and buttons."""
    platform = _platform(platform_key)

    def image(alt: str) -> dict[str, Any]:
        src = f"{world().base_url}/logos/{platform.key}.svg"
        return {"image": {"src": src, "alt": f"{platform.name} {alt}"}}

    return reply(
        {
            "logo": {"full": image("full icon"), "square": image("square icon")},
            "button": {"default": image("default button"), "hover": image("hover button")},
            "sourceId": platform.source_id,
        }
    )


def _platform(key: str) -> platforms.Platform:
    platform = platforms.find(key)
    if platform is None:
        raise refusals.not_found(f"Integration {key}")
    return platform
