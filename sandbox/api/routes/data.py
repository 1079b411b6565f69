"""Codat's reads: company info, data status, history, and asking for a refresh."""

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.query import Query, ordered
from sandbox.api.services import reply, world
from sandbox.world import refusals, views
from sandbox.world.model import Pull

routes = Blueprint("data", __name__)
ROOT = "/companies/<company_id>"
# Whether a read has ended cannot be asked for: Codat answers 400 (its PullOperation schema).
KNOWN = frozenset(
    [
        "id",
        "companyId",
        "connectionId",
        "dataType",
        "status",
        "statusDescription",
        "errorMessage",
        "requested",
        "completed",
        "progress",
    ]
)


@routes.get(f"{ROOT}/data/info")
def get_company_info(company_id: str) -> Response:
    """Show what the ledger says of the company, once data type `company` has been read."""
    with world().lock:
        company = world().company(company_id)
        if company.info is None:
            raise refusals.not_requested()
        return reply(company.info)


@routes.get(f"{ROOT}/dataStatus")
def get_company_data_status(company_id: str) -> Response:
    """Show where each data type stands, by its name."""
    with world().lock:
        return reply(views.data_status(world().company(company_id), world().clock()))


@routes.get(f"{ROOT}/data/history")
def list_pull_operations(company_id: str) -> Response:
    """List reads, newest first unless ordered."""
    with world().lock:
        now = world().clock()
        pulls = list(reversed(world().company(company_id).history))
        query, order = request.args.get("query"), request.args.get("orderBy")
        if not (query or order):
            return reply(page(pulls, lambda p: views.pull(p, now), request.path, request.args))
        shown = [views.pull(pull, now) for pull in pulls]
    if query:
        shown = list(filter(Query(query, "Dataset", KNOWN).matches, shown))
    if order:
        shown = ordered(shown, order)
    return reply(page(shown, dict, request.path, request.args))


@routes.get(f"{ROOT}/data/history/<dataset_id>")
def get_pull_operation(company_id: str, dataset_id: str) -> Response:
    """Show one read."""
    with world().lock:
        return reply(views.pull(_find(company_id, dataset_id), world().clock()))


@routes.get(f"{ROOT}/sync/<dataset_id>/validation")
def get_read_validation_results(company_id: str, dataset_id: str) -> Response:
    """Show what validation found: nothing, here."""
    with world().lock:
        _find(company_id, dataset_id)
    return reply({"errors": [], "warnings": []})


@routes.post(f"{ROOT}/data/all")
def refresh_company_data(company_id: str) -> Response:
    """Queue every data type that is fetched on first link."""
    world().refresh_all(company_id)
    return reply(status=204)


@routes.post(f"{ROOT}/data/queue/all")
def refresh_company_data_by_queue(company_id: str) -> Response:
    """Queue everything, the older way."""
    return refresh_company_data(company_id)


@routes.post(f"{ROOT}/data/queue/<data_type>")
def refresh_data_type(company_id: str, data_type: str) -> Response:
    """Queue one data type, of one connection if asked."""
    with world().lock:
        asked = request.args.get("connectionId")
        pull = world().refresh(company_id, data_type, asked.lower() if asked else None)
        return reply(views.pull(pull, world().clock()))


def _find(company_id: str, dataset_id: str) -> Pull:
    for pull in world().company(company_id).history:
        if pull.id == dataset_id.lower():
            return pull
    raise refusals.not_found(f"Dataset {dataset_id}")
