"""Inviting as the API does: its body in, its answer out, errors as problems."""

from contextlib import suppress
from typing import Any

from codat.records import Integration
from portal.api.companies.creation import creation_problems, creator, new_company
from portal.api.journeys import schemas
from portal.api.journeys.schemas import JourneyBody, JourneyCreated
from portal.http.problems import Refusal
from portal.services import services
from relay.journeys.invitation import may_return, offer_fault
from relay.services.attempt import Attempt
from relay.services.create_company import name_of
from relay.services.find_companies import find_company
from relay.services.invite import (
    Invitation,
    Inviter,
    LinkGone,
    opens,
)
from relay.times import Millis, now_ms

HOUR_MS = 3_600_000
LINK_GONE = (
    "The journey was made by the first request, but its link was renewed or revoked since, its"
    " time is over, or it was made with another token. `POST /v1/journeys/<id>/link` gives a new"
    " one."
)


def invite(body: JourneyBody, attempt: Attempt, token: str, by: str) -> JourneyCreated:
    """Begin a journey under this link's token.

    Raise Refusal, Refused, redis.RedisError or NotDurable. A second attempt at the same finds
    the journey that the first one began.
    """
    p = services()
    held = find_company(p.store, body.company_id) if body.company_id else None
    inviter = Inviter(p.store, p.hints, creator(), p.platforms.one)
    invitation = _invitation(body)
    try:
        with creation_problems():
            journey = inviter.invite(invitation, held, attempt, token, by)
    except LinkGone as error:
        raise _link_gone(error.journey_id) from error
    company = held or p.store.companies.get(journey.company_id)
    name = name_of(invitation.new_company, attempt)
    return schemas.created(journey, company, link_of(token), now_ms(), name)


def answer_again(answer: dict[str, Any], token: str) -> JourneyCreated:
    """Return the first answer with the link in it; raise Refusal when the link works no more."""
    given = JourneyCreated(**answer)
    journey = services().store.journeys.get(given.id)
    if journey is None or not opens(journey, token, now_ms()):
        raise _link_gone(given.id)
    given.link = link_of(token)
    return given


def check(body: JourneyBody) -> None:
    """Refuse what no schema can know: addresses, languages, platforms."""
    p, errors = services(), []
    if body.return_url is not None and not may_return(
        body.return_url, allow_loopback=p.settings.uses_sandbox
    ):
        errors.append(("return_url", "must be an https:// address"))
    if body.language not in p.words.languages:
        languages = ", ".join(p.words.languages)
        errors.append(("language", f"must be one of {languages}, or be added to the brand file"))
    if body.company_id is None and body.connection_id is not None:
        errors.append(("connection_id", "needs `company_id` too"))
    if body.platform_key is not None:
        errors.append(("platform_key", "is chosen in the journey; use `platforms`"))
    if fault := offer_fault(body.platforms, body.source_types, _enabled_platforms(body)):
        errors.append(fault)
    if errors:
        listed: list[dict[str, Any]] = [{"field": f, "message": m} for f, m in errors]
        names = ", ".join(field for field, _ in errors)
        raise Refusal("invalid", f"Correct {names} and send again.", extra={"errors": listed})


def link_of(token: str) -> str:
    """Return the address that a customer is sent."""
    return f"{services().settings.public_url}/link/{token}"


def _enabled_platforms(body: JourneyBody) -> list[Integration]:
    """Return the enabled platforms if the body names any; types alone can do without the list."""
    if body.platforms:
        return services().platforms.all()
    if body.source_types:
        with suppress(Refusal):  # the list was never read, and Codat does not answer
            return services().platforms.all()
    return []


def _invitation(body: JourneyBody) -> Invitation:
    return Invitation(
        new_company=new_company(body),
        platforms=tuple(body.platforms),
        source_types=tuple(body.source_types),
        return_url=body.return_url,
        language=body.language,
        lasts=Millis(body.expires_in_hours * HOUR_MS),
        connection_id=body.connection_id,
    )


def _link_gone(journey_id: str) -> Refusal:
    return Refusal("conflict", LINK_GONE, extra={"journey_id": journey_id})
