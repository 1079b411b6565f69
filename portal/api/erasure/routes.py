"""Forget a company: drop all that is held of it."""

from pydantic import BaseModel

from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.parameters import CompanyPath
from portal.http.tags import COMPANIES
from portal.services import services
from relay.services.forget import forget

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
    store, hints, company_id = services().store, services().hints, path.company_id.lower()
    forgotten = forget(store, hints, company_id, caller().name)
    return Forgotten(
        company_id=company_id, events=forgotten.events, messages=forgotten.messages
    ).model_dump()
