"""Inviting a customer: a journey for a new company or one that is held, and its link."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, ConfigDict, Field

from codat.records import Integration
from codat.statuses import ConnectionStatus
from portal.api.companies import creation
from portal.api.companies.creation import CompanyBody
from portal.api.journeys import schemas
from portal.api.journeys.schemas import JourneyCreated
from portal.http import idempotency
from portal.http.auth import caller, presented
from portal.http.groups import Reply, described, group
from portal.http.idempotency import Attempt, Key
from portal.http.problems import Refusal
from portal.http.tags import JOURNEYS
from portal.link.codat_link import LOOPBACK
from portal.services import services
from relay.companies.company import BROKEN, Company
from relay.companies.identity import identity_of
from relay.journeys import rules
from relay.journeys.journey import Journey, Platform
from relay.nearest import hint, nearest
from relay.services.find_companies import find_company
from relay.store.journeys.records import hash_of
from relay.times import now_ms

# Of all routes of journeys: two groups cannot share an address in the API's documentation.
api = group("journeys", __name__, JOURNEYS)

HOUR_MS = 3_600_000
AT_CODAT = ("codat-limit", "codat-refused", "codat-unavailable", "busy", "store-away")
LINK_GONE = (
    "The journey was made by the first request, but its link was renewed or revoked since, its"
    " time is over, or it was made with another token. `POST /v1/journeys/<id>/link` gives a new"
    " one."
)

PlatformKey = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
SourceType = Annotated[str, Field(pattern="^[A-Za-z]{1,32}$")]


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
        list[PlatformKey],
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
    check(body)
    headers: dict[str, str] = {}
    with idempotency.once(header.idempotency_key, body) as attempt:
        token = token_of(attempt, presented())
        if attempt.answer is not None:
            given, headers = _again(attempt.answer, token), idempotency.REPEATED
        else:
            given = invite(body, attempt, token, caller().name)
            attempt.end(given.model_dump() | {"link": ""})
    location = {"Location": f"/v1/journeys/{given.id}"}
    return given.model_dump(), HTTPStatus.CREATED, location | headers


def invite(body: JourneyBody, attempt: Attempt, token: str, by: str) -> JourneyCreated:
    """Begin a journey under this link's token; raises Refusal, redis.RedisError or NotDurable.

    A second attempt at the same, by its mark, finds the journey that the first one began.
    """
    now = now_ms()
    held = find_company(services().store, body.company_id) if body.company_id else None
    journey_id = f"{attempt.began:012x}{attempt.mark[-10:]}"
    journey = services().store.journeys.get(journey_id)
    if journey is None:
        journey = _new(body, attempt, held, by)
        journey = replace(journey, id=journey_id, token_hash=hash_of(token))
        moved = services().store.journeys.start(rules.start(journey))
        if moved.lane is not None:
            services().hints.drain(moved.lane)
    elif not _opens(journey, token, now):
        raise Refusal("conflict", LINK_GONE, extra={"journey_id": journey_id})
    company = held or services().store.companies.get(journey.company_id)
    name = creation.name_of(body, attempt)
    return schemas.created(journey, company, link_of(token), now, name)


def token_of(attempt: Attempt, secret: str) -> str:
    """Give the token of an attempt's link: the same for each, though it is kept nowhere.

    It is made of the caller's own token, which comes with each request and is not kept either, so
    that nobody can make links out of what the store holds.
    """
    made = hmac.new(secret.encode(), f"link:{attempt.salt}".encode(), hashlib.sha256)
    return urlsafe_b64encode(made.digest()[:16]).decode().rstrip("=")


def check(body: JourneyBody) -> None:
    """Refuse what no schema can know: addresses, languages, platforms."""
    errors = []
    if body.return_url is not None and not _may_return(body.return_url):
        errors.append(("return_url", "must be an https:// address"))
    if body.language not in services().words.languages:
        known_ones = ", ".join(services().words.languages)
        errors.append(("language", f"must be one of {known_ones}, or be added to the brand file"))
    if body.company_id is None and body.connection_id is not None:
        errors.append(("connection_id", "needs `company_id` too"))
    if body.platform_key is not None:
        errors.append(("platform_key", "is chosen in the journey; use `platforms`"))
    errors += _nothing_offered(body)
    if errors:
        listed: list[dict[str, Any]] = [{"field": f, "message": m} for f, m in errors]
        names = ", ".join(field for field, _ in errors)
        raise Refusal("invalid", f"Correct {names} and send again.", extra={"errors": listed})


def _nothing_offered(body: JourneyBody) -> list[tuple[str, str]]:
    """Say why a choice of platforms and types leaves the customer none, or lacks one asked for."""
    wanted = [key for key in body.platforms if _integration(key) is None]
    if wanted:
        enabled = services().platforms.all()
        near = nearest(wanted[0], [word for one in enabled for word in (one.key, one.name)])
        keys = [f"{one.key} ({one.name})" for one in enabled if near in (one.key, one.name)]
        told = f"; the nearest key that is known is {keys[0]}" if keys else ""
        return [("platforms", f"are not enabled at Codat: {', '.join(wanted)}{told}")]
    if not body.source_types:
        return []
    there: list[Integration] = []
    with suppress(Refusal):  # nobody has read them yet, and Codat does not answer
        there = services().platforms.all()
    types = {one.source_type or "" for one in there}
    named = {one.casefold() for one in body.source_types}
    unknown = named - {one.casefold() for one in types}
    if types and unknown:
        near = hint(min(unknown), sorted(types - {""}))
        said = f"no enabled platform is of type {', '.join(sorted(unknown))}{near}"
        return [("source_types", said)]
    others = [
        key
        for key in body.platforms
        if (one := _integration(key)) and (one.source_type or "").casefold() not in named
    ]
    if others:
        return [("platforms", f"are of none of the `source_types`: {', '.join(others)}")]
    return []


def _may_return(url: str) -> bool:
    try:
        given = urlsplit(url)
        _ = given.port
    except ValueError:
        return False
    if any(ord(letter) <= 32 for letter in url) or given.username or not given.hostname:
        return False
    local = services().settings.uses_sandbox and given.hostname in LOOPBACK
    return given.scheme == "https" or (given.scheme == "http" and local)


def _integration(key: str) -> Integration | None:
    return services().platforms.one(key)


def _is_offline(key: str) -> bool:
    found = _integration(key)
    return found is not None and found.is_offline


def link_of(token: str) -> str:
    """Give the address that a customer is sent."""
    return f"{services().settings.public_url}/link/{token}"


def _new(body: JourneyBody, attempt: Attempt, held: Company | None, by: str) -> Journey:
    broken = _to_reconnect(held, body.connection_id) if held and not body.platforms else None
    platform = _only_platform(body)
    if broken is not None:
        platform = Platform(broken[1], broken[2], broken[3], is_offline=_is_offline(broken[1]))
    if held is not None:
        company_id = held.id
    else:
        company_id = creation.create(_company_body(body, platform), attempt, by).id
    now = now_ms()
    return Journey(
        id="",
        company_id=company_id,
        created=now,
        expires=now + body.expires_in_hours * HOUR_MS,
        by=by,
        reference=body.reference,
        language=body.language,
        return_url=body.return_url,
        allowed_platforms=tuple(body.platforms),
        allowed_types=tuple(body.source_types),
        reconnects=broken[0] if broken else None,
        identity=identity_of(held.info, broken[2]) if held and broken and held.info else None,
        platform=platform,
    )


def _again(answer: dict[str, Any], token: str) -> JourneyCreated:
    """Give the first answer with the link in it, unless that does not work any more."""
    given = JourneyCreated(**answer)
    journey = services().store.journeys.get(given.id)
    if journey is None or not _opens(journey, token, now_ms()):
        raise Refusal("conflict", LINK_GONE, extra={"journey_id": given.id})
    given.link = link_of(token)
    return given


def _opens(journey: Journey, token: str, now: int) -> bool:
    """Whether this is the journey's link, and still works."""
    return journey.token_hash == hash_of(token) and journey.is_open(now)


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
