"""How a journey looks to the firm that asks the API."""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from codat.capabilities import hidden_text
from portal.api.companies.schemas import CompanyBody
from portal.http.groups import Given, GivenCompany, Sent
from relay.companies.company import Company
from relay.companies.identity import mark_of
from relay.journeys import stage as stages
from relay.journeys.attempts import with_outcome
from relay.journeys.journey import Consent, Journey
from relay.journeys.stage import Stage, connection_of, identity, is_linked, progress, stage_of
from relay.times import Millis, Moment, iso_from_ms

PlatformKey = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
SourceType = Annotated[str, Field(pattern="^[A-Za-z]{1,32}$")]


class ConsentShape(BaseModel):
    """What the customer agreed to, word for word."""

    at: Moment
    text_version: str
    language: str
    platform_key: str
    data_types: list[str]
    cadence: str
    text: list[str]


class StepShape(BaseModel):
    """One step that was taken."""

    type: str
    at: Moment
    detail: str
    platform_key: str


class IdentityShape(BaseModel):
    """Who a company says it is."""

    name: str
    legal_name: str
    registration_number: str
    platform_name: str
    books: Annotated[str, Field(description="Which books these are, in the words of the software.")]


class JourneyShape(BaseModel):
    """A journey in a list. `stage` is what its customer has in front of them."""

    id: str
    company_id: str
    company_name: str
    reference: str | None
    step: str
    stage: Stage
    platform_key: str | None
    platform_name: str | None
    connection_id: str | None
    attempt: int
    reconnects: str | None
    created: Moment
    expires: Moment
    by: str


class JourneyDetail(JourneyShape):
    """All that is held of one journey; the link itself is not, only its hash."""

    language: str
    return_url: Annotated[
        str | None, Field(description="Without codes and tokens that stand in it.")
    ]
    allowed_platforms: list[str]
    allowed_types: list[str]
    expected: IdentityShape | None
    found: IdentityShape | None
    identity_mark: Annotated[
        str, Field(description="Stands for whom the books name now: the same for the same.")
    ]
    reasons: list[str]
    progress: dict[str, str]
    consents: list[ConsentShape]
    steps: list[StepShape]


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


class JourneyCreated(JourneyShape):
    """The new journey and its link, which is shown this once."""

    link: str


class LinkBody(Sent):
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
    company: GivenCompany | None = None
    stage: Stage | None = None
    reference: Annotated[str | None, Field(max_length=100, description="The whole of it.")] = None
    platform: Annotated[
        str | None, Field(max_length=100, description="A platform's key or name.")
    ] = None


class FunnelQuery(Given):
    """Which journeys to count: those begun in the last `days`."""

    days: Annotated[int, Field(ge=1, le=400)] = 30
    idle_hours: Annotated[
        int, Field(ge=1, le=9600, description="Not moved for so long counts as left.")
    ] = 24


class JourneyList(BaseModel):
    """Journeys, the newest first; `next` is null on the last page.

    With a filter a page can be short or empty and still have a `next`: go on until it is null.
    """

    journeys: list[JourneyShape]
    next: str | None


def short(journey: Journey, company: Company | None, now: int) -> JourneyShape:
    """Return a journey as it stands in a list."""
    return JourneyShape(**_short(journey, company, now))


def created(
    journey: Journey, company: Company | None, link: str, now: int, name: str = ""
) -> JourneyCreated:
    """Return a journey with its link; `name` is a company's that was made but is not held yet."""
    shown = _short(journey, company, now)
    shown["company_name"] = shown["company_name"] or name
    return JourneyCreated(**shown, link=link)


def whole(journey: Journey, company: Company | None, now: int) -> JourneyDetail:
    """Return a journey with everything that belongs to it."""
    connection = connection_of(journey, company)
    linked = connection is not None and is_linked(journey, connection)
    found = identity(journey, company) if linked else None
    expected = stages.expected(journey, company)
    return JourneyDetail(
        **_short(journey, company, now),
        language=journey.language,
        return_url=journey.return_url and hidden_text(journey.return_url),
        allowed_platforms=list(journey.allowed_platforms),
        allowed_types=list(journey.allowed_types),
        expected=IdentityShape.model_validate(expected, from_attributes=True) if expected else None,
        found=IdentityShape.model_validate(found, from_attributes=True) if found else None,
        identity_mark=mark_of(company.info if company else None),
        reasons=list(connection.errors) if connection and not linked else [],
        progress=progress(journey, company) if linked else {},
        consents=[_consent(one) for one in journey.consents],
        steps=[
            StepShape(
                type=one.type,
                at=iso_from_ms(Millis(one.at)),
                detail=one.detail,
                platform_key=one.platform_key,
            )
            for one in with_outcome(journey, company).history
        ],
    )


def _short(journey: Journey, company: Company | None, now: int) -> dict[str, Any]:
    platform = journey.platform
    return {
        "id": journey.id,
        "company_id": journey.company_id,
        "company_name": company.name if company else "",
        "reference": journey.reference,
        "step": journey.step,
        "stage": stage_of(journey, company, now),
        "platform_key": platform.key if platform else None,
        "platform_name": platform.name if platform else None,
        "connection_id": journey.connection_id,
        "attempt": journey.attempt,
        "reconnects": journey.reconnects,
        "created": iso_from_ms(Millis(journey.created)),
        "expires": iso_from_ms(Millis(journey.expires)),
        "by": journey.by,
    }


def _consent(consent: Consent) -> ConsentShape:
    return ConsentShape(
        at=iso_from_ms(Millis(consent.at)),
        text_version=consent.text_version,
        language=consent.language,
        platform_key=consent.platform_key,
        data_types=list(consent.data_types),
        cadence=consent.cadence,
        text=list(consent.text),
    )
