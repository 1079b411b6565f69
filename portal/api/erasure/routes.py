"""Forget a company: drop all that is held of it."""

from pydantic import BaseModel

from portal.api.companies.schemas import CompanyPath
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.problems import Refusal
from portal.http.tags import COMPANIES
from portal.services import services
from relay.store.companies.erasure import Erasing

api = group("erasure", __name__, COMPANIES)

FORGETTING = (
    "Its state, schedules, pauses, journeys, messages and dead letters are dropped, and its events"
    " keep their numbers only (`event.erased`), so the log has no gap; one line says who did it"
    " (`company.forgotten`). It cannot be undone. What Codat sends of it later makes it known anew:"
    " delete it at Codat first. Other systems that read the log must drop what they took from it."
)


class Forgotten(BaseModel):
    """How much was dropped."""

    company_id: str
    events: int
    messages: int


@api.post(
    "/companies/<company_id>/forget",
    description=FORGETTING,
    responses={200: Forgotten, **described("forbidden", "unknown-company", "conflict")},
)
def forget_company(path: CompanyPath) -> Reply:
    """Drop all that is held of a company."""
    store, company = services().store, path.company_id.lower()
    try:
        gone = store.erasure.forget(company, caller().name)
    except Erasing as error:
        raise Refusal("conflict", f"{error}; try again in a moment.") from error
    if gone is None:
        raise Refusal("unknown-company", "Nothing is held of a company of this id.")
    services().hints.drain(store.inbox.lane_of(company))
    return Forgotten(company_id=company, events=gone.events, messages=gone.messages).model_dump()
