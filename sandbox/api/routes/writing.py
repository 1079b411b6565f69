"""Codat's record of writes, and what a client may write."""

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.query import Query, ordered
from sandbox.api.services import reply, world
from sandbox.world import refusals, views, writes

routes = Blueprint("writing", __name__)
ROOT = "/companies/<company_id>"
KNOWN = frozenset(
    [
        "dataType",
        "companyId",
        "pushOperationKey",
        "dataConnectionKey",
        "requestedOnUtc",
        "completedOnUtc",
        "status",
        "statusCode",
        "errorMessage",
    ]
)


@routes.get(f"{ROOT}/push")
def get_company_push_history(company_id: str) -> Response:
    """List the writes, newest first unless ordered."""
    with world().lock:
        shown = [views.write(w) for w in reversed(world().company(company_id).writes)]
    if query := request.args.get("query"):
        shown = list(filter(Query(query, "PushOperation", KNOWN).matches, shown))
    if order := request.args.get("orderBy"):
        shown = ordered(shown, order)
    return reply(page(shown, dict, request.path, request.args))


@routes.get(f"{ROOT}/push/<push_operation_key>")
def get_push_operation(company_id: str, push_operation_key: str) -> Response:
    """Show one write."""
    with world().lock:
        return reply(views.write(writes.find(world().company(company_id), push_operation_key)))


@routes.get(f"{ROOT}/connections/<connection_id>/options/<data_type>")
def get_create_update_model_options(
    company_id: str, connection_id: str, data_type: str
) -> Response:
    """Show what a record of a data type may hold: here, a name alone."""
    with world().lock:
        company = world().company(company_id)
        connection = world().connection(connection_id, company.id)
    if data_type not in writes.DATA_TYPES or data_type not in connection.platform.data_types:
        raise refusals.not_supported(data_type, connection.platform.name)
    name = {
        "type": "String",
        "displayName": "Name",
        "description": "What the record is called.",
        "required": True,
    }
    return reply(
        {
            "type": "Object",
            "displayName": data_type,
            "description": f"A record of {data_type}.",
            "required": True,
            "properties": {"name": name},
        }
    )
