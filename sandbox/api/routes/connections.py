"""Codat's connections: list, create, read, authorise, unlink, delete."""

from typing import Any

from flask import Blueprint, Response, request

from codat.statuses import ConnectionStatus
from sandbox.api.paging import page
from sandbox.api.query import Query, ordered
from sandbox.api.services import body, reply, text, world
from sandbox.world import refusals, views
from sandbox.world.model import Connection

routes = Blueprint("connections", __name__)
ROOT = "/companies/<company_id>/connections"
KNOWN = frozenset(
    [
        "id",
        "integrationId",
        "integrationKey",
        "sourceId",
        "platformName",
        "status",
        "created",
        "lastSync",
        "sourceType",
    ]
)


def _shown(connection: Connection) -> dict[str, Any]:
    return views.connection(connection, world().base_url, world().clock())


def _find(company_id: str, connection_id: str) -> Connection:
    company = world().company(company_id)
    return world().connection(connection_id, company.id)


@routes.get(ROOT)
def list_connections(company_id: str) -> Response:
    """List a company's connections."""
    with world().lock:
        shown = [_shown(c) for c in world().company(company_id).connections.values()]
    if query := request.args.get("query"):
        shown = list(filter(Query(query, "DataConnection", KNOWN).matches, shown))
    if order := request.args.get("orderBy"):
        shown = ordered(shown, order)
    return reply(page(shown, dict, request.path, request.args))


@routes.post(ROOT)
def create_connection(company_id: str) -> Response:
    """Create a connection that waits for its customer."""
    key = text(body(), "platformKey")
    with world().lock:
        return reply(_shown(world().create_connection(company_id, key)))


@routes.get(f"{ROOT}/<connection_id>")
def get_connection(company_id: str, connection_id: str) -> Response:
    """Show one connection."""
    with world().lock:
        return reply(_shown(_find(company_id, connection_id)))


@routes.delete(f"{ROOT}/<connection_id>")
def delete_connection(company_id: str, connection_id: str) -> Response:
    """Delete a connection; the answer is 200 and empty (Codat's OpenAPI file)."""
    with world().lock:
        world().delete_connection(_find(company_id, connection_id).id)
    return Response(status=200)


@routes.patch(f"{ROOT}/<connection_id>")
def unlink_connection(company_id: str, connection_id: str) -> Response:
    """Unlink a connection; `Unlinked` is the only status that can be set."""
    if text(body(), "status").lower() != "unlinked":
        raise refusals.bad_request()
    with world().lock:
        return reply(_shown(world().unlink(_find(company_id, connection_id).id)))


@routes.put(f"{ROOT}/<connection_id>/authorization")
def update_connection_authorization(company_id: str, connection_id: str) -> Response:
    """Finish linking with what the platform handed back; any values will do here."""
    if not all(isinstance(value, str) for value in body().values()):
        raise refusals.bad_request()
    with world().lock:
        connection = _find(company_id, connection_id)
        if connection.status is not ConnectionStatus.LINKED:
            world().authorise(connection.id)
        return reply(_shown(connection))
