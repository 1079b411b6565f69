"""Create a company at Codat for the firm's application, under a placeholder name if need be."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator
from redis.exceptions import RedisError

from codat.errors import ConnectionNotCreated
from codat.records import Company as CodatCompany
from codat.records import loses_letters, sanitise_name
from portal.auth import caller
from portal.codat_problems import asking_codat
from portal.groups import Given
from portal.parts import parts
from portal.problems import Refusal
from relay.company import NameSource
from relay.message import Action
from relay.store.inbox import NotDurable
from relay.telling import tell
from relay.times import now_micros

log = structlog.get_logger(__name__)

CREATED = "relay.company_created"
LONGEST_TAG = 100  # characters, and
MOST_TAGS = 10  # of them (Codat: using-the-api/managing-companies)


class CompanyBody(Given):
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
            Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)],
            Annotated[str, Field(max_length=LONGEST_TAG)],
        ],
        Field(default_factory=dict, max_length=MOST_TAGS),
    ]
    platform_key: Annotated[
        str | None,
        Field(pattern="^[A-Za-z0-9_-]{1,64}$", description="Makes a connection at once too."),
    ] = None

    @field_validator("name")
    @classmethod
    def _something_left(cls, value: str | None) -> str | None:
        if value is not None and (loses_letters(value) or not sanitise_name(value)):
            raise ValueError("Codat keeps none or not all of these letters in a name")
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


def create(body: CompanyBody) -> CompanyCreated:
    """Create the company at Codat and tell its lane; raises Refusal, redis.RedisError."""
    asked_at = now_micros()
    name = sanitise_name(body.name) if body.name else placeholder(body.reference)
    company, connection_error = _create(name, body)
    _tell(company, body, asked_at)
    return CompanyCreated(
        id=company.id,
        name=company.name,
        name_source=NameSource.PERSON if body.name else NameSource.PLACEHOLDER,
        link_url=link_url(company, body.platform_key),
        connection_error=connection_error,
    )


def placeholder(reference: str | None) -> str:
    """Make a name that says it is not the real one, from characters that Codat keeps."""
    if reference and not loses_letters(reference) and (clean := sanitise_name(reference)):
        return f"Pending {clean}"
    return f"Pending {datetime.now(UTC):%Y-%m-%d} {uuid4().hex[:6]}"


def link_url(company: CodatCompany, platform_key: str | None) -> str | None:
    """Give where the customer goes: straight to the platform asked for, else Codat's link page."""
    if platform_key is not None:
        for connection in company.connections:
            if connection.platform_key == platform_key and connection.link_url:
                return connection.link_url
    return company.redirect


def _create(name: str, body: CompanyBody) -> tuple[CodatCompany, str | None]:
    connection_error: str | None = None
    with asking_codat():
        try:
            company = parts().codat.create_company(
                name,
                description=body.description,
                tags=body.tags or None,
                platform_key=body.platform_key,
            )
        except ConnectionNotCreated as error:
            # The company is there: an error would only make the caller create another.
            company, connection_error = error.company, str(error)[:300]
    # An answer that leaves the name out is no reason to hold none.
    return replace(company, name=company.name or name), connection_error


def _tell(company: CodatCompany, body: CompanyBody, asked_at: int) -> None:
    """Let the company's lane know, which alone writes what we hold of it."""
    action = Action(
        id=f"created:{company.id}",
        type=CREATED,
        company_id=company.id,
        at=asked_at,
        payload={
            "name": company.name,
            "placeholder": not body.name,
            "reference": body.reference,
            "by": caller().name,
        },
    )
    try:
        tell(parts().store, parts().hints, action)
    except (RedisError, NotDurable) as error:
        log.exception("company.not_recorded", company_id=company.id)
        raise Refusal(
            "store-away",
            "The company was created at Codat but could not be recorded here. Do not create it"
            " again: Codat's webhooks will make it known, under the name it has.",
            extra={"company_id": company.id},
        ) from error
