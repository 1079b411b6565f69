"""Create a company at Codat for the firm's application, under a placeholder name if need be."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator
from redis.exceptions import RedisError

from codat.errors import CodatError, ConnectionNotCreated
from codat.records import Company as CodatCompany
from codat.records import reads_differently, sanitise_name
from portal.http.codat_problems import asking_codat
from portal.http.groups import Sent
from portal.http.idempotency import Attempt
from portal.http.problems import Refusal
from portal.services import services
from relay.companies.company import NameSource
from relay.inbox.message import Action
from relay.services.enqueue_action import enqueue_action
from relay.services.known_names import check_platform
from relay.store.server.durable import NotDurable
from relay.times import now_micros

log = structlog.get_logger(__name__)

CREATED = "relay.company_created"
LONGEST_TAG = 100  # characters, and
MOST_TAGS = 10  # of them (Codat: using-the-api/managing-companies)
MARK = "relayRequest"  # tag by which a company is found whose creation was not answered
LOOKED_AT = 100  # companies, the newest, should Codat not mind the tag that it is asked for
NOT_KEPT = frozenset({409, 429})  # answers that Codat does not repeat for the same key


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


def create(body: CompanyBody, attempt: Attempt, by: str) -> CompanyCreated:
    """Create the company at Codat and tell its lane; raises Refusal, redis.RedisError."""
    if attempt.is_kept and len(body.tags) >= MOST_TAGS:
        fault = {"field": "tags", "message": f"at most {MOST_TAGS - 1} with an Idempotency-Key"}
        raise Refusal("invalid", "Correct tags and send again.", extra={"errors": [fault]})
    check_platform(services().store, "platform_key", body.platform_key)
    asked_at = now_micros()
    name = name_of(body, attempt)
    company, connection_error = _create(name, body, attempt)
    attempt.note(company=company.id)
    _tell(company, body, asked_at, by)
    return CompanyCreated(
        id=company.id,
        name=company.name,
        name_source=NameSource.PERSON if body.name else NameSource.PLACEHOLDER,
        link_url=link_url(company, body.platform_key),
        connection_error=connection_error,
    )


def link_again(company_id: str, platform_key: str | None) -> str | None:
    """Give a company's link anew: one may work only once, so none is kept. Raises Refusal."""
    with asking_codat(services().store, services().codat_call_limit):
        return link_url(services().codat.get_company(company_id), platform_key)


def name_of(body: CompanyBody, attempt: Attempt) -> str:
    """Return the name by which this attempt creates a company: as given, or a dummy one."""
    return sanitise_name(body.name) if body.name else placeholder(body.reference, attempt)


def placeholder(reference: str | None, attempt: Attempt) -> str:
    """Make a name that says it is not the real one, from characters that Codat keeps."""
    clean = "" if reads_differently(reference or "") else sanitise_name(reference or "")
    if any(letter.isalnum() for letter in clean):
        return f"Pending {clean}"
    began = datetime.fromtimestamp(attempt.began / 1000, UTC)
    return f"Pending {began:%Y-%m-%d} {attempt.mark[:6]}"


def link_url(company: CodatCompany, platform_key: str | None) -> str | None:
    """Give where the customer goes: straight to the platform asked for, else Codat's link page."""
    if platform_key is not None:
        for connection in company.connections:
            if connection.platform_key == platform_key and connection.link_url:
                return connection.link_url
    return company.redirect


def _create(name: str, body: CompanyBody, attempt: Attempt) -> tuple[CodatCompany, str | None]:
    connection_error: str | None = None
    with asking_codat(services().store, services().codat_call_limit):
        company = _made_before(attempt)
        try:
            if company is None:
                company = _ask(name, body, attempt)
            elif body.platform_key and not _has(company, body.platform_key):
                company = _connect(company, body.platform_key)
        except ConnectionNotCreated as error:
            # The company is there: an error would only make the caller create another.
            company, connection_error = error.company, str(error)[:300]
    # An answer that leaves the name out is no reason to hold none.
    return replace(company, name=company.name or name), connection_error


def _made_before(attempt: Attempt) -> CodatCompany | None:
    """Find the company that an earlier sending of this request made, answered or not."""
    codat = services().codat
    if attempt.company_id:
        return codat.get_company(attempt.company_id)
    if not attempt.tries:
        return None
    newest = codat.list_companies(tags=f"{MARK} = {attempt.mark}", order_by="-created")
    looked_at = islice(newest, LOOKED_AT)
    return next((one for one in looked_at if one.tags.get(MARK) == attempt.mark), None)


def _ask(name: str, body: CompanyBody, attempt: Attempt) -> CodatCompany:
    """Ask Codat for the company: under the key of an earlier try whose outcome is not known.

    Codat repeats a refusal to the same key for 90 minutes, so what was answered is tried under
    another (Codat: using-the-api/write-data/idempotency).
    """
    if not attempt.tries:
        attempt.tries = 1
        attempt.note(tries=1)
    tags = body.tags | ({MARK: attempt.mark} if attempt.is_kept else {})
    try:
        return services().codat.create_company(
            name,
            description=body.description,
            tags=tags or None,
            platform_key=body.platform_key,
            key=attempt.codat_key,
        )
    except CodatError as error:
        if error.status is not None and error.status >= 400 and error.status not in NOT_KEPT:
            attempt.note(tries=attempt.tries + 1)
        raise


def _connect(company: CodatCompany, platform_key: str) -> CodatCompany:
    try:
        connection = services().codat.create_connection(company.id, platform_key)
    except (CodatError, ValueError) as error:
        raise ConnectionNotCreated(str(error), company=company) from error
    return replace(company, connections=(*company.connections, connection))


def _has(company: CodatCompany, platform_key: str) -> bool:
    wanted = platform_key.casefold()
    return any((one.platform_key or "").casefold() == wanted for one in company.connections)


def _tell(company: CodatCompany, body: CompanyBody, asked_at: int, by: str) -> None:
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
            "by": by,
        },
    )
    try:
        enqueue_action(services().store, services().hints, action)
    except (RedisError, NotDurable) as error:
        log.exception("company.not_recorded", company_id=company.id)
        raise Refusal(
            "store-away",
            "The company was created at Codat but could not be recorded here. Do not create it"
            " again: Codat's webhooks will make it known, under the name it has.",
            extra={"company_id": company.id},
        ) from error
