"""Reconciliations: compare what we hold with Codat's own record, watch it, read what it found."""

from http import HTTPStatus

from flask_openapi.models.tag import Tag

from portal.api.reconciliations.schemas import (
    Begun,
    Comparison,
    ListQuery,
    Reconciliation,
    Reconciliations,
    RunPath,
    reconciliation_shape,
)
from portal.http.auth import caller
from portal.http.company_selection import chosen, cost_of
from portal.http.groups import Reply, described, group
from portal.services import services
from relay.services import reconcile
from relay.times import now_ms

api = group(
    "reconciliations",
    __name__,
    Tag(name="Reconciliations", description="Comparisons with Codat's own record."),
)


@api.post(
    "/reconciliations",
    responses={200: Begun, 202: Begun, **described("forbidden", "unknown-company")},
)
def begin_reconciliation(body: Comparison) -> Reply:
    """Compare all companies with Codat's record (a call per page), or some (a call each)."""
    store, page_size = services().store, services().settings.relay_reconcile_page_size
    ids = [] if body.all else [company.id for company in chosen(body)]
    companies = store.companies.count() if body.all else len(ids)
    calls = reconcile.calls_needed(companies, is_all=body.all, page_size=page_size)
    cost = cost_of(companies, calls)
    if body.preview or not (body.all or ids):
        return Begun(id=None, begun=False, cost=cost).model_dump(), HTTPStatus.OK
    run_id, begun = reconcile.begin_reconciliation(
        store,
        services().hints,
        ids,
        accept_deletions=body.accept_deletions,
        by=caller().name,
        now=now_ms(),
    )
    return Begun(id=run_id, begun=begun, cost=cost).model_dump(), HTTPStatus.ACCEPTED


@api.get("/reconciliations", responses={200: Reconciliations})
def list_reconciliations(query: ListQuery) -> Reply:
    """List the latest."""
    runs = services().store.reconciles.latest(query.limit)
    shapes = [reconciliation_shape(run) for run in runs]
    return Reconciliations(reconciliations=shapes).model_dump()


@api.get(
    "/reconciliations/<reconciliation_id>",
    responses={200: Reconciliation, **described("not-found")},
)
def get_reconciliation(path: RunPath) -> Reply:
    """Show how one goes, and what it found."""
    run = reconcile.find_reconciliation(services().store, path.reconciliation_id)
    return reconciliation_shape(run).model_dump()


@api.post(
    "/reconciliations/<reconciliation_id>/abort",
    description="One that is aborted already stays so. One that ended in another way is a 409.",
    responses={200: Reconciliation, **described("forbidden", "not-found", "conflict")},
)
def abort_reconciliation(path: RunPath) -> Reply:
    """Stop one; what it has healed stays."""
    run = reconcile.abort_reconciliation(services().store, path.reconciliation_id, now_ms())
    return reconciliation_shape(run).model_dump()
