"""Creating companies as the API does: its body in, its answer out, errors as problems."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal.api.companies.schemas import CompanyBody, CompanyCreated
from portal.http.codat_problems import codat_problems
from portal.http.problems import Refusal
from portal.services import services
from relay.companies.company import NameSource
from relay.services.attempt import Attempt
from relay.services.create_company import (
    CompanyCreator,
    NewCompany,
    NotRecorded,
    link_url,
)
from relay.services.known_names import check_platform

NOT_RECORDED = (
    "The company was created at Codat but could not be recorded here. Do not create it again:"
    " Codat's webhooks will make it known, under the name it has."
)


def creator() -> CompanyCreator:
    """Return what creates companies for this request's app."""
    p = services()
    return CompanyCreator(p.store, p.hints, p.codat, p.codat_call_limit)


def create(body: CompanyBody, attempt: Attempt, by: str) -> CompanyCreated:
    """Create the company at Codat; raise Refusal, InvalidValue or redis.RedisError."""
    check_platform(services().store, "platform_key", body.platform_key)
    with creation_problems():
        created = creator().create(new_company(body), attempt, by)
    return CompanyCreated(
        id=created.company.id,
        name=created.company.name,
        name_source=NameSource.PERSON if body.name else NameSource.PLACEHOLDER,
        link_url=link_url(created.company, body.platform_key),
        connection_error=created.connection_error,
    )


def link_again(company_id: str, platform_key: str | None) -> str | None:
    """Return a company's link as Codat has it now; raise Refusal or redis.RedisError."""
    with codat_problems():
        return creator().link_again(company_id, platform_key)


def new_company(body: CompanyBody) -> NewCompany:
    """Return what a body asks to create."""
    return NewCompany(
        name=body.name,
        reference=body.reference,
        description=body.description,
        tags=body.tags,
        platform_key=body.platform_key,
    )


@contextmanager
def creation_problems() -> Iterator[None]:
    """Raise Refusal for what goes wrong at Codat, or once the company is there."""
    try:
        with codat_problems():
            yield
    except NotRecorded as error:
        extra = {"company_id": error.company_id}
        raise Refusal("store-away", NOT_RECORDED, extra=extra) from error
