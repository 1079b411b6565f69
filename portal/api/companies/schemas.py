"""How a company looks to those who ask the API: short in lists, whole on its own."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from codat.records import CompanyInfo, reads_differently, sanitise_name
from portal.api.schedules.schemas import ScheduleShape
from portal.http.groups import Given, Sent
from relay.companies.company import NEVER, Company, CompanyStatus
from relay.companies.identity import mark_of
from relay.services.create_company import MAX_TAGS
from relay.times import Micros, Millis, Moment, iso_from_micros, iso_from_ms

MAX_TAG_LENGTH = 100  # characters (Codat: using-the-api/managing-companies)


class CompanyShape(BaseModel):
    """A company in a list."""

    id: str
    name: str
    name_source: str
    status: str
    needs_attention: bool
    platforms: list[str]
    first_seen: Moment | None
    last_webhook: Moment | None


class ConnectionShape(BaseModel):
    """A company's link to one platform, as of `as_of`."""

    id: str
    status: str
    platform_key: str
    platform_name: str
    source_type: str
    errors: list[str]
    ever_linked: bool
    as_of: Moment | None


class DataTypeShape(BaseModel):
    """How the last read of one data type ended, and when one last succeeded."""

    connection_id: str
    data_type: str
    status: str
    as_of: Moment | None
    last_success: Moment | None


class InfoShape(BaseModel):
    """What the company's accounting software says of it."""

    company_name: str | None
    company_legal_name: str | None
    registration_number: str | None
    tax_number: str | None
    base_currency: str | None
    as_of: Moment | None


class CompanyDetail(CompanyShape):
    """All that is held of one company."""

    source: str
    placeholder: str | None
    given_name: str | None
    info: InfoShape | None
    identity_mismatch: Annotated[
        dict[str, Any] | None,
        Field(description="What a relink changed about who this is, until someone accepts it."),
    ]
    identity_mark: Annotated[
        str, Field(description="Stands for whom its books name now: the same for the same.")
    ]
    connections: list[ConnectionShape]
    data_types: list[DataTypeShape]
    schedules: list[ScheduleShape]


class CompanyBody(Sent):
    """The company to create. Without `name` it gets a placeholder, replaced once it is linked."""

    model_config = ConfigDict(json_schema_extra={"example": {"reference": "LOAN-1042"}})

    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    reference: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="Your own id; names the placeholder."),
    ] = None
    description: Annotated[str | None, Field(max_length=500)] = None
    tags: Annotated[
        dict[
            Annotated[str, Field(min_length=1, max_length=MAX_TAG_LENGTH)],
            Annotated[str, Field(max_length=MAX_TAG_LENGTH)],
        ],
        Field(default_factory=dict, max_length=MAX_TAGS),
    ]
    platform_key: Annotated[
        str | None,
        Field(pattern="^[A-Za-z0-9_-]{1,64}$", description="Makes a connection at once too."),
    ] = None

    @field_validator("name")
    @classmethod
    def _something_left(cls, value: str | None) -> str | None:
        if value is not None and (reads_differently(value) or not sanitise_name(value)):
            raise ValueError(
                "would read differently at Codat, which keeps Latin letters, digits and"
                " - ' , & @ . ? ! of a name"
            )
        return value


class CompanyCreated(BaseModel):
    """The new company, and where its customer links it."""

    id: str
    name: str
    name_source: str
    link_url: str | None
    connection_error: Annotated[
        str | None, Field(description="Why the company has no connection, when one was asked for.")
    ] = None


class AcceptQuery(Given):
    """Who is accepted."""

    identity_mark: Annotated[
        str | None,
        Field(
            max_length=64,
            description="As it was shown: then another who came in between is not accepted.",
        ),
    ] = None


class CompanyQuery(Given):
    """Which companies, and from where on."""

    after: Annotated[
        str,
        Field(max_length=64, pattern="^[A-Za-z0-9-]*$", description="`next` of the page before."),
    ] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    status: CompanyStatus | None = None
    platform: Annotated[
        str | None, Field(max_length=100, description="A platform's key or name.")
    ] = None
    q: Annotated[
        str | None, Field(max_length=100, description="Part of the name, or the id's beginning.")
    ] = None


class CompanyList(BaseModel):
    """Companies in the order of their ids; `next` is null on the last page.

    With a filter a page can be short or empty and still have a `next`: go on until it is null.
    """

    companies: list[CompanyShape]
    next: str | None
    total: Annotated[int, Field(description="How many companies are held, whatever the filter.")]


def short(company: Company) -> CompanyShape:
    """Return a company as it stands in a list."""
    return CompanyShape(
        id=company.id,
        name=company.name,
        name_source=company.name_source,
        status=company.status,
        needs_attention=company.needs_attention,
        platforms=company.platforms,
        first_seen=_ms(company.first_seen),
        last_webhook=_ms(company.last_webhook),
    )


def whole(company: Company, schedules: list[ScheduleShape]) -> CompanyDetail:
    """Return a company with everything that belongs to it."""
    return CompanyDetail(
        **short(company).model_dump(),
        source=company.source,
        placeholder=company.placeholder,
        given_name=company.given_name,
        info=_info(company),
        identity_mismatch=company.identity_mismatch,
        identity_mark=mark_of(company.info),
        connections=_connections(company),
        data_types=_data_types(company),
        schedules=schedules,
    )


def _info(company: Company) -> InfoShape | None:
    if company.info is None:
        return None
    info = CompanyInfo.from_json(company.info)
    return InfoShape(
        company_name=info.company_name,
        company_legal_name=info.company_legal_name,
        registration_number=info.registration_number,
        tax_number=info.tax_number,
        base_currency=info.base_currency,
        as_of=_micros(company.info_version[0]),
    )


def _connections(company: Company) -> list[ConnectionShape]:
    return [
        ConnectionShape(
            id=c.id,
            status=c.status,
            platform_key=c.platform_key,
            platform_name=c.platform_name,
            source_type=c.source_type,
            errors=list(c.errors),
            ever_linked=c.ever_linked,
            as_of=_micros(c.version[0]),
        )
        for c in company.connections.values()
    ]


def _data_types(company: Company) -> list[DataTypeShape]:
    found = []
    for key, state in sorted(company.data_types.items()):
        connection_id, _, data_type = key.partition("|")
        found.append(
            DataTypeShape(
                connection_id=connection_id,
                data_type=data_type,
                status=state.status,
                as_of=_micros(state.version[0]),
                last_success=_micros(state.last_success),
            )
        )
    return found


def _ms(ms: int) -> str | None:
    return iso_from_ms(Millis(ms)) if ms else None


def _micros(micros: int | None) -> str | None:
    return iso_from_micros(Micros(micros)) if micros and micros > NEVER[0] else None
