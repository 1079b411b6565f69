"""Run something now that otherwise waits for its time: re-read a company, or sync its data."""

from collections.abc import Sequence
from http import HTTPStatus

from flask_openapi.models.tag import Tag

from portal.api.run_now.schemas import (
    Accepted,
    Left,
    NotLinked,
    SyncAccepted,
    SyncBody,
    SyncList,
    SyncSelection,
    not_linked,
    sync_shape,
)
from portal.http.auth import caller
from portal.http.company_selection import Selection, chosen, cost_of
from portal.http.groups import Reply, described, group
from portal.http.parameters import CompanyPath
from portal.services import services
from relay.companies.company import CompanyStatus
from relay.services import request_sync as requests
from relay.services.enqueue_intents import enqueue_intents
from relay.services.find_companies import find_company
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent
from relay.syncs.schedule import ALL
from relay.times import now_ms

api = group(
    "run_now",
    __name__,
    Tag(name="Run now", description="Ask Codat for data at once, or read companies anew."),
)

WILL_MISS = (
    "The company is {}: unless it links before Codat is asked, `sync.missed` will tell that it was"
    " not synced."
)


@api.post(
    "/companies/<company_id>/reread",
    responses={202: Accepted, **described("forbidden", "unknown-company")},
)
def reread_company(path: CompanyPath) -> Reply:
    """Read a company's status and connections from Codat again."""
    company, now = find_company(services().store, path.company_id), now_ms()
    intent = requests.reread_intent(company, by=caller().name, now=now)
    enqueue_intents(services().store, services().hints, [intent], now)
    return Accepted(intent=intent.name).model_dump(), HTTPStatus.ACCEPTED


@api.get("/companies/<company_id>/syncs", responses={200: SyncList, **described("unknown-company")})
def list_syncs(path: CompanyPath) -> Reply:
    """Tell how far a company's first and latest syncs have come."""
    company = find_company(services().store, path.company_id)
    newest = sorted(company.syncs.items(), key=lambda item: item[1].requested, reverse=True)
    shapes = [sync_shape(data_type, sync) for data_type, sync in newest]
    return SyncList(syncs=shapes, stale=list(company.stale)).model_dump()


@api.post(
    "/companies/<company_id>/syncs",
    responses={202: SyncAccepted, **described("forbidden", "unknown-company", "conflict")},
)
def request_sync(path: CompanyPath, body: SyncBody) -> Reply:
    """Ask Codat to sync a company's data now."""
    store, hints = services().store, services().hints
    company = find_company(store, path.company_id)
    intent = requests.request_sync(
        store, hints, company, body.data_type, by=caller().name, now=now_ms()
    )
    linked = company.status is CompanyStatus.LINKED
    note = None if linked else WILL_MISS.format(company.status)
    return SyncAccepted(intent=intent.name, note=note).model_dump(), HTTPStatus.ACCEPTED


@api.post("/syncs", responses={200: Left, 202: Left, **described("forbidden", "unknown-company")})
def request_syncs(body: SyncSelection) -> Reply:
    """Ask Codat to sync many companies now: those named, of a filter the linked ones.

    Those named that are not linked are `not_linked`: the log will say that they were not synced.

    A call each, and for `all` a look at Codat's pull history, which alone tells of its end.
    """
    companies = [
        company
        for company in chosen(body)
        if body.companies or company.status is CompanyStatus.LINKED
    ]
    by, now = caller().name, now_ms()
    period = requests.period_of_request(now)
    return _enqueue(
        body,
        [requests.sync_intent(one, body.data_type, period, by=by, now=now) for one in companies],
        unlinked=not_linked(companies),
        like=intent_name("sync", "*", body.data_type, period),
        calls_each=2 if body.data_type == ALL else 1,
    )


@api.post("/rereads", responses={200: Left, 202: Left, **described("forbidden", "unknown-company")})
def reread_companies(body: Selection) -> Reply:
    """Read many companies from Codat again. One call each; a reconciliation of all costs less."""
    by, now = caller().name, now_ms()
    intents = [requests.reread_intent(company, by=by, now=now) for company in chosen(body)]
    return _enqueue(body, intents, like="reread:*")


def _enqueue(
    selection: Selection,
    intents: Sequence[NewIntent],
    *,
    like: str,
    calls_each: int = 1,
    unlinked: Sequence[NotLinked] = (),
) -> Reply:
    cost = cost_of(len(intents), len(intents) * calls_each)
    answer = Left(left=0, revived=0, like=[like], cost=cost, not_linked=list(unlinked))
    if selection.preview:
        return answer.model_dump(), HTTPStatus.OK
    answer.left = len(intents)
    answer.revived = enqueue_intents(services().store, services().hints, intents, now_ms())
    return answer.model_dump(), HTTPStatus.ACCEPTED
