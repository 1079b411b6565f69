"""Journeys: links by which customers connect their software, for the firm's application."""

import secrets
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from codat.records import Integration
from codat.statuses import ConnectionStatus
from portal import creation, journeys_funnel, journeys_shapes
from portal.auth import caller
from portal.companies import known
from portal.creation import CompanyBody
from portal.groups import Given, Reply, described, group
from portal.journeys_codat import LOOPBACK
from portal.journeys_funnel import FunnelReport
from portal.journeys_shapes import JourneyCreated, JourneyDetail, JourneyShape
from portal.parts import parts
from portal.problems import Refusal
from relay import journeys, stages
from relay.company import BROKEN, Company
from relay.identity import Identity, identity_of
from relay.journeys import Journey, Platform
from relay.stages import Stage
from relay.store.journeys import Moved, hash_of
from relay.times import now_ms

api = group("journeys", __name__, "Journeys")

HOUR_MS = 3_600_000
MOST_SCANNED = 5000  # journeys looked at in one request
PAGE = 500
UNKNOWN = "Look at /v1/journeys for the journeys there are."
AT_CODAT = ("codat-limit", "codat-refused", "codat-unavailable", "busy", "store-away")

Key = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
SourceType = Annotated[str, Field(pattern="^[A-Za-z]{1,32}$")]
JourneyId = Annotated[str, Field(pattern="^[0-9a-f]{22}$")]


class JourneyBody(CompanyBody):
    """Whom to invite: a new company by name or reference, or an existing one by `company_id`.

    A company whose connection is broken is asked to link that one again, and then compared with
    what it was.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"reference": "LOAN-1042", "return_url": "https://firm.example/linked"}
        }
    )

    company_id: Annotated[str | None, Field(max_length=64)] = None
    connection_id: Annotated[
        str | None, Field(max_length=64, description="Which connection is to be linked again.")
    ] = None
    platforms: Annotated[
        list[Key],
        Field(
            default_factory=list,
            max_length=100,
            description="Keys of the platforms offered; one skips the choice.",
        ),
    ]
    source_types: Annotated[
        list[SourceType],
        Field(
            default_factory=list,
            max_length=10,
            validation_alias=AliasChoices("source_types", "integration_types"),
            description="Such as Accounting, Banking or Commerce; `integration_types` will do too.",
        ),
    ]
    return_url: Annotated[
        str | None, Field(max_length=1000, description="Where the customer goes at the end.")
    ] = None
    language: Annotated[str, Field(max_length=20)] = "en"
    expires_in_hours: Annotated[int, Field(ge=1, le=2160)] = 336


class LinkBody(Given):
    """How long the new link works."""

    expires_in_hours: Annotated[int, Field(ge=1, le=2160)] = 336


class JourneyPath(BaseModel):
    """Which journey."""

    journey_id: str


class JourneyQuery(Given):
    """Which journeys, the newest first."""

    before: Annotated[
        str, Field(pattern="^[0-9a-f]{0,22}$", description="`next` of the page before.")
    ] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    company: Annotated[str | None, Field(max_length=64)] = None
    stage: Annotated[str | None, Field(max_length=32)] = None


class FunnelQuery(Given):
    """Which journeys to count: those begun in the last `days`."""

    days: Annotated[int, Field(ge=1, le=400)] = 30


class JourneyList(BaseModel):
    """Journeys, the newest first; `next` is null on the last page."""

    journeys: list[JourneyShape]
    next: str | None


@api.post(
    "/journeys",
    responses={201: JourneyCreated, **described("forbidden", "unknown-company", *AT_CODAT)},
)
def create_journey(body: JourneyBody) -> Reply:
    """Invite a customer: creates the company unless named, and gives a link that is shown once."""
    _check(body)
    now = now_ms()
    held = known(body.company_id) if body.company_id else None
    broken = _to_reconnect(held, body.connection_id) if held and not body.platforms else None
    platform = _only_platform(body)
    if broken is not None and held is not None:
        platform = Platform(broken[1], broken[2], broken[3], is_offline=_is_offline(broken[1]))
    company_id = held.id if held else creation.create(_company_body(body, platform)).id
    token = secrets.token_urlsafe(16)
    journey = Journey(
        id=f"{now:012x}{secrets.token_hex(5)}",
        company_id=company_id,
        created=now,
        expires=now + body.expires_in_hours * HOUR_MS,
        by=caller().name,
        reference=body.reference,
        language=body.language,
        return_url=body.return_url,
        allowed_platforms=tuple(body.platforms),
        allowed_types=tuple(body.source_types),
        token_hash=hash_of(token),
        reconnects=broken[0] if broken else None,
        identity=identity_of(held.info, broken[2]) if held and broken and held.info else None,
        platform=platform,
    )
    _hint(parts().store.journeys.start(journeys.start(journey)))
    shape = journeys_shapes.created(journey, held, _link(token), now)
    location = {"Location": f"/v1/journeys/{journey.id}"}
    return shape.model_dump(), HTTPStatus.CREATED, location


@api.get("/journeys", responses={200: JourneyList})
def list_journeys(query: JourneyQuery) -> Reply:
    """List journeys."""
    found: list[JourneyShape] = []
    now, before = now_ms(), query.before
    for journey, company in _walk(query.before):
        if len(found) == query.limit:
            return JourneyList(journeys=found, next=before).model_dump()
        before = journey.id
        shape = journeys_shapes.short(journey, company, now)
        if query.company in (None, journey.company_id) and query.stage in (None, shape.stage):
            found.append(shape)
    return JourneyList(journeys=found, next=None).model_dump()


@api.get("/journeys/funnel", responses={200: FunnelReport})
def get_funnel(query: FunnelQuery) -> Reply:
    """Count how far journeys came on each platform, where people left and why."""
    now = now_ms()
    since = now - query.days * 24 * HOUR_MS
    pairs = [pair for pair in _walk() if pair[0].created >= since]
    answer = journeys_funnel.report(pairs, now)
    answer.complete = len(pairs) < MOST_SCANNED
    return answer.model_dump()


@api.get("/journeys/<journey_id>", responses={200: JourneyDetail, **described("unknown-journey")})
def get_journey(path: JourneyPath) -> Reply:
    """Give one journey: where it stands, every consent, every step, the first sync's progress."""
    journey = _known(path.journey_id)
    company = parts().store.companies.get(journey.company_id)
    return journeys_shapes.whole(journey, company, now_ms()).model_dump()


@api.post(
    "/journeys/<journey_id>/link",
    responses={200: JourneyCreated, **described("forbidden", "unknown-journey", "conflict")},
)
def renew_link(path: JourneyPath, body: LinkBody) -> Reply:
    """Make a new link for a journey; the one before stops working."""
    now, token = now_ms(), secrets.token_urlsafe(16)
    expires = now + body.expires_in_hours * HOUR_MS
    journey = _known(path.journey_id)
    moved = parts().store.journeys.change(
        journey.id, lambda held: journeys.renewed(held, hash_of(token), expires, now)
    )
    after = _hint(moved).journey
    company = parts().store.companies.get(after.company_id)
    return journeys_shapes.created(after, company, _link(token), now).model_dump()


@api.post(
    "/journeys/<journey_id>/revoke",
    responses={200: JourneyDetail, **described("forbidden", "unknown-journey")},
)
def revoke_journey(path: JourneyPath) -> Reply:
    """End a journey: its link stops working at once."""
    journey, now, by = _known(path.journey_id), now_ms(), caller().name
    moved = parts().store.journeys.change(journey.id, lambda held: journeys.revoked(held, by, now))
    after = _hint(moved).journey
    company = parts().store.companies.get(after.company_id)
    return journeys_shapes.whole(after, company, now).model_dump()


@api.post(
    "/journeys/<journey_id>/accept",
    responses={200: JourneyDetail, **described("forbidden", "unknown-journey", "conflict")},
)
def accept_mismatch(path: JourneyPath) -> Reply:
    """Say that another company than before is the right one; its journey goes on."""
    journey, now, by = _known(path.journey_id), now_ms(), caller().name
    company = parts().store.companies.get(journey.company_id)
    before = stages.expected(journey, company) or Identity()
    found = stages.identity(journey, company)
    if stages.stage_of(journey, company, now) is Stage.MISMATCH:
        moved = parts().store.journeys.change(
            journey.id, lambda held: journeys.accepted(held, before, found, by, now)
        )
        journey = _hint(moved).journey
    elif not journeys.is_accepted(journey):
        raise Refusal("conflict", "The journey is not stopped by another company's name.")
    return journeys_shapes.whole(journey, company, now).model_dump()


def _known(journey_id: str) -> Journey:
    journey = parts().store.journeys.get(journey_id) if len(journey_id) <= 64 else None
    if journey is None:
        raise Refusal("unknown-journey", UNKNOWN)
    return journey


def _walk(before: str = "") -> Iterator[tuple[Journey, Company | None]]:
    """Give journeys with their companies, the newest first, up to a bound."""
    store = parts().store
    for _ in range(MOST_SCANNED // PAGE):
        page = store.journeys.page(before, PAGE)
        companies = store.companies.get_many({journey.company_id for journey in page})
        for journey in page:
            yield journey, companies[journey.company_id]
        if len(page) < PAGE:
            return
        before = page[-1].id


def _hint(moved: Moved | None) -> Moved:
    if moved is None:
        raise Refusal("unknown-journey", UNKNOWN)
    if moved.lane is not None:
        parts().hints.drain(moved.lane)
    return moved


def _link(token: str) -> str:
    return f"{parts().settings.public_url}/link/{token}"


def _check(body: JourneyBody) -> None:
    """Refuse what no schema can know: addresses, languages, platforms."""
    errors = []
    if body.return_url is not None and not _may_return(body.return_url):
        errors.append(("return_url", "must be an https:// address"))
    if body.language not in parts().words.languages:
        known_ones = ", ".join(parts().words.languages)
        errors.append(("language", f"must be one of {known_ones}, or be added to the brand file"))
    if body.company_id is None and body.connection_id is not None:
        errors.append(("connection_id", "needs `company_id` too"))
    if body.platform_key is not None:
        errors.append(("platform_key", "is chosen in the journey; use `platforms`"))
    wanted = [key for key in body.platforms if _integration(key) is None]
    if wanted:
        errors.append(("platforms", f"are not enabled at Codat: {', '.join(wanted)}"))
    if errors:
        listed: list[dict[str, Any]] = [{"field": f, "message": m} for f, m in errors]
        names = ", ".join(field for field, _ in errors)
        raise Refusal("invalid", f"Correct {names} and send again.", extra={"errors": listed})


def _may_return(url: str) -> bool:
    try:
        given = urlsplit(url)
        _ = given.port
    except ValueError:
        return False
    if any(ord(letter) <= 32 for letter in url) or given.username or not given.hostname:
        return False
    local = parts().settings.uses_sandbox and given.hostname in LOOPBACK
    return given.scheme == "https" or (given.scheme == "http" and local)


def _integration(key: str) -> Integration | None:
    return parts().platforms.one(key)


def _is_offline(key: str) -> bool:
    found = _integration(key)
    return found is not None and found.is_offline


def _only_platform(body: JourneyBody) -> Platform | None:
    found = _integration(body.platforms[0]) if len(body.platforms) == 1 else None
    if found is None:
        return None
    return Platform(found.key, found.name, found.source_type or "", found.is_offline)


def _company_body(body: JourneyBody, platform: Platform | None) -> CompanyBody:
    given = {name: getattr(body, name) for name in ("name", "reference", "description", "tags")}
    return CompanyBody(**given, platform_key=platform.key if platform else None)


def _to_reconnect(company: Company, wanted: str | None) -> tuple[str, str, str, str] | None:
    """Find the connection to be linked again, if one is meant or broken."""
    for held in company.connections.values():
        meant = held.id == wanted if wanted else held.status in BROKEN
        if not meant:
            continue
        if held.status == ConnectionStatus.LINKED:
            raise Refusal("conflict", "This connection is linked; there is nothing to do.")
        return held.id, held.platform_key, held.platform_name, held.source_type
    if wanted:
        raise Refusal("conflict", "The company has no such connection.")
    return None
