"""Journeys: links by which customers connect their software, for the firm's application."""

import secrets
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice, takewhile

from portal.api.companies.schemas import AcceptQuery
from portal.api.journeys import funnel, inviting, schemas
from portal.api.journeys.funnel import FunnelReport
from portal.api.journeys.inviting import HOUR_MS, link_of
from portal.api.journeys.schemas import (
    FunnelQuery,
    JourneyBody,
    JourneyCreated,
    JourneyDetail,
    JourneyList,
    JourneyPath,
    JourneyQuery,
    JourneyShape,
    LinkBody,
)
from portal.http import idempotency
from portal.http.auth import caller, presented
from portal.http.groups import Reply, described, group
from portal.http.idempotency import Key
from portal.http.problems import Refusal
from portal.http.tags import JOURNEYS
from portal.services import services
from relay.companies.company import Company
from relay.companies.identity import Identity
from relay.journeys import rules
from relay.journeys import stage as stages
from relay.journeys.journey import Journey, Step
from relay.journeys.stage import Stage
from relay.services.accept_identity import check_identity
from relay.services.invite import link_token
from relay.services.known_names import check_platform
from relay.store.journeys.records import Moved, hash_of
from relay.times import now_ms

api = group("journeys", __name__, JOURNEYS)

AT_CODAT = ("codat-limit", "codat-refused", "codat-unavailable", "busy", "store-away")

SCAN_LIMIT = 5000  # journeys looked at in one request
PAGE = 500
REVOKED = "The journey was revoked. Begin a new one by `POST /v1/journeys`."
EXPIRED = "The journey expired before: its link works no more."
NOT_STOPPED = "The journey is not stopped by another company's name."
DISOWNED = "Its customer said that it is the wrong company; it is being unlinked."
UNKNOWN = "Look at /v1/journeys for the journeys there are."


@api.get("/journeys", responses={200: JourneyList})
def list_journeys(query: JourneyQuery) -> Reply:
    """List journeys."""
    check_platform(services().store, "platform", query.platform)
    found: list[JourneyShape] = []
    now, before = now_ms(), query.before
    for scanned, (journey, company) in enumerate(_walk(query.before)):
        if len(found) == query.limit or scanned == SCAN_LIMIT:
            return JourneyList(journeys=found, next=before).model_dump()
        before = journey.id
        shape = schemas.short(journey, company, now)
        if _fits(shape, query):
            found.append(shape)
    return JourneyList(journeys=found, next=None).model_dump()


@api.post(
    "/journeys",
    description=idempotency.MAY_BE_SENT_AGAIN,
    responses={
        201: JourneyCreated,
        **described("forbidden", "unknown-company", "conflict", *idempotency.PROBLEMS, *AT_CODAT),
    },
)
def create_journey(header: Key, body: JourneyBody) -> Reply:
    """Invite a customer: creates the company unless named, and gives a link that is shown once."""
    inviting.check(body)
    headers: dict[str, str] = {}
    with idempotency.once(header.idempotency_key, body) as attempt:
        token = link_token(attempt, presented())
        if attempt.answer is not None:
            given, headers = inviting.answer_again(attempt.answer, token), idempotency.REPEATED
        else:
            given = inviting.invite(body, attempt, token, caller().name)
            attempt.end(given.model_dump() | {"link": ""})
    location = {"Location": f"/v1/journeys/{given.id}"}
    return given.model_dump(), HTTPStatus.CREATED, location | headers


@api.get("/journeys/funnel", responses={200: FunnelReport})
def get_funnel(query: FunnelQuery) -> Reply:
    """Count how far journeys came on each platform, where people left and why."""
    now = now_ms()
    since = now - query.days * 24 * HOUR_MS
    pairs = list(takewhile(lambda pair: pair[0].created >= since, islice(_walk(), SCAN_LIMIT)))
    answer = funnel.report(pairs, now, query.idle_hours * HOUR_MS)
    answer.complete = len(pairs) < SCAN_LIMIT
    return answer.model_dump(mode="json")


@api.get("/journeys/<journey_id>", responses={200: JourneyDetail, **described("unknown-journey")})
def get_journey(path: JourneyPath) -> Reply:
    """Return one journey: where it stands, every consent, every step, the first sync's progress."""
    journey = _known(path.journey_id)
    company = services().store.companies.get(journey.company_id)
    return schemas.whole(journey, company, now_ms()).model_dump()


@api.post(
    "/journeys/<journey_id>/link",
    responses={200: JourneyCreated, **described("forbidden", "unknown-journey", "conflict")},
)
def renew_link(path: JourneyPath, body: LinkBody) -> Reply:
    """Make a new link for a journey; the one before stops working."""
    now, token = now_ms(), secrets.token_urlsafe(16)
    expires = now + body.expires_in_hours * HOUR_MS
    journey = _known(path.journey_id)
    moved = services().store.journeys.change(
        journey.id, lambda held: rules.renew_link(held, hash_of(token), expires, now)
    )
    after = _hint(moved).journey
    if after.step is Step.REVOKED:
        raise Refusal("conflict", REVOKED)
    company = services().store.companies.get(after.company_id)
    return schemas.created(after, company, link_of(token), now).model_dump()


@api.post(
    "/journeys/<journey_id>/revoke",
    description="One that is revoked already stays so. One that has expired is a 409.",
    responses={200: JourneyDetail, **described("forbidden", "unknown-journey", "conflict")},
)
def revoke_journey(path: JourneyPath) -> Reply:
    """End a journey: its link stops working at once."""
    journey, now, by = _known(path.journey_id), now_ms(), caller().name
    moved = services().store.journeys.change(journey.id, lambda held: rules.revoke(held, by, now))
    after = _hint(moved).journey
    if after.step is not Step.REVOKED:
        raise Refusal("conflict", EXPIRED)
    company = services().store.companies.get(after.company_id)
    return schemas.whole(after, company, now).model_dump()


@api.post(
    "/journeys/<journey_id>/accept",
    responses={200: JourneyDetail, **described("forbidden", "unknown-journey", "conflict")},
)
def accept_mismatch(path: JourneyPath, query: AcceptQuery) -> Reply:
    """Say that another company than before is the right one; its journey goes on."""
    journey, now, by = _known(path.journey_id), now_ms(), caller().name
    company = services().store.companies.get(journey.company_id)
    check_identity(company, query.identity_mark)
    before = stages.expected(journey, company) or Identity()
    found = stages.identity(journey, company)
    is_stopped = stages.stage_of(journey, company, now) is Stage.MISMATCH
    if is_stopped:
        moved = services().store.journeys.change(
            journey.id, lambda held: rules.accept_mismatch(held, before, found, by, now)
        )
        journey = _hint(moved).journey
    if not rules.is_accepted(journey, found if is_stopped else None):
        raise Refusal("conflict", DISOWNED if journey.is_unlinking else NOT_STOPPED)
    return schemas.whole(journey, company, now).model_dump()


def _known(journey_id: str) -> Journey:
    journey = services().store.journeys.get(journey_id) if len(journey_id) <= 64 else None
    if journey is None:
        raise Refusal("unknown-journey", UNKNOWN)
    return journey


def _walk(before: str = "") -> Iterator[tuple[Journey, Company | None]]:
    """Yield journeys with their companies, the newest first, as they are taken."""
    store = services().store
    while True:
        page = store.journeys.page(before, PAGE)
        companies = store.companies.get_many({journey.company_id for journey in page})
        for journey in page:
            yield journey, companies[journey.company_id]
        if len(page) < PAGE:
            return
        before = page[-1].id


def _fits(shape: JourneyShape, query: JourneyQuery) -> bool:
    platform = (query.platform or "").casefold()
    named = {(shape.platform_key or "").casefold(), (shape.platform_name or "").casefold()}
    return (
        query.company in (None, shape.company_id)
        and query.stage in (None, shape.stage)
        and query.reference in (None, shape.reference)
        and (not platform or platform in named)
    )


def _hint(moved: Moved | None) -> Moved:
    if moved is None:
        raise Refusal("unknown-journey", UNKNOWN)
    if moved.lane is not None:
        services().hints.drain(moved.lane)
    return moved
