"""Codat's companies: list, create, read, change, delete."""

import re
from typing import Any

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.query import Query, ordered
from sandbox.api.services import body, reply, text, world
from sandbox.world import refusals, views
from sandbox.world.model import Company

routes = Blueprint("companies", __name__)
KNOWN = frozenset(
    [
        "id",
        "name",
        "description",
        "redirect",
        "created",
        "lastSync",
        "createdByUserName",
        "platform",
        "status",
        "tags",
        "dataConnections",
        "products",
    ]
)
MAX_TAGS = 10  # Codat: using-the-api/managing-companies
MAX_TAG_LENGTH = 100
TAG_NAME = ".{1,27}"
CHANGEABLE = ("name", "description", "tags")


def _shown(company: Company) -> dict[str, Any]:
    return views.company(company, world().base_url, world().clock())


@routes.get("/companies")
def list_companies() -> Response:
    """List companies, oldest first unless ordered, filtered by `query` and `tags`."""
    query, tags, order = (request.args.get(name) for name in ("query", "tags", "orderBy"))
    with world().lock:
        held = list(world().companies.values())
        if not (query or tags or order):
            return reply(page(held, _shown, request.path, request.args))
        shown = [_shown(company) for company in held]
    if query:
        shown = list(filter(Query(query, "Company", KNOWN).matches, shown))
    if tags:
        matches = Query(tags, "Company").matches
        shown = [item for item in shown if matches(item.get("tags", {}))]
    if order:
        shown = ordered(shown, order)
    return reply(page(shown, dict, request.path, request.args))


@routes.post("/companies")
def create_company() -> Response:
    """Create a company; `platformType` is the older way to create its connection too."""
    data = body()
    key = data.get("platformType")
    if not isinstance(key, str | None):
        raise refusals.bad_request()
    with world().lock:
        company = world().create_company(
            text(data, "name"),
            _description(data),
            _tags(data),
            key or None,
        )
        return reply(_shown(company))


@routes.get("/companies/<company_id>")
def get_company(company_id: str) -> Response:
    """Show one company."""
    with world().lock:
        return reply(_shown(world().company(company_id)))


@routes.put("/companies/<company_id>")
def replace_company(company_id: str) -> Response:
    """Replace a company: what the body leaves out is cleared."""
    data = body()
    new = {
        "name": text(data, "name"),
        "description": _description(data),
        "tags": _tags(data),
    }
    with world().lock:
        return reply(_shown(world().change_company(company_id, new)))


@routes.put("/companies")
def replace_company_by_body() -> Response:
    """Replace a company the older way, with its id in the body."""
    return replace_company(text(body(), "id"))


@routes.patch("/companies/<company_id>")
def update_company(company_id: str) -> Response:
    """Change what the body names and keep the rest; null or empty `tags` clear them (Codat)."""
    data = body()
    changes = {k: data[k] for k in CHANGEABLE if k in data and (k == "tags" or data[k] is not None)}
    _description(data)
    if "tags" in changes:
        changes["tags"] = _tags(data)
    if "name" in changes:
        text(data, "name")
    with world().lock:
        return reply(_shown(world().change_company(company_id, changes)))


@routes.delete("/companies/<company_id>")
def delete_company(company_id: str) -> Response:
    """Delete a company with its connections and data."""
    world().delete_company(company_id)
    return reply(status=204)


@routes.get("/companies/<company_id>/accessToken")
def get_company_access_token(company_id: str) -> Response:
    """Return a token for Codat's link components."""
    company = world().company(company_id)
    return reply(
        {"expiresIn": 86400, "accessToken": f"sandbox-{company.id}", "tokenType": "Bearer"}
    )


@routes.get("/companies/<company_id>/connectionManagement/accessToken")
def get_connection_management_access_token(company_id: str) -> Response:
    """Return a token for the older link component."""
    company = world().company(company_id)
    return reply({"accessToken": f"sandbox-{company.id}"})


def _description(data: dict[str, Any]) -> str:
    description = data.get("description")
    if not isinstance(description, str | None):
        raise refusals.bad_request()
    return description or ""


def _tags(data: dict[str, Any]) -> dict[str, str]:
    tags = data.get("tags") or {}
    if not isinstance(tags, dict) or len(tags) > MAX_TAGS:
        raise refusals.bad_request()
    if not all(isinstance(v, str) and len(v) <= MAX_TAG_LENGTH for v in tags.values()):
        raise refusals.bad_request()
    if not all(re.fullmatch(TAG_NAME, name) for name in tags):
        raise refusals.bad_request()
    return tags
