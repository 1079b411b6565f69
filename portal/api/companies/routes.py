"""Companies: page by page with filters, one with all that is held of it, and new ones."""

from http import HTTPStatus

from portal.api.companies import creation, schemas
from portal.api.companies.schemas import (
    AcceptQuery,
    CompanyBody,
    CompanyCreated,
    CompanyDetail,
    CompanyList,
    CompanyQuery,
)
from portal.api.schedules import schemas as schedule_shapes
from portal.http import idempotency
from portal.http.auth import caller
from portal.http.groups import Reply, described, group
from portal.http.idempotency import Key
from portal.http.parameters import CompanyPath
from portal.http.tags import COMPANIES
from portal.services import services
from relay.companies.company import Company
from relay.services import accept_identity as identities
from relay.services.find_companies import find_company, is_on
from relay.services.known_names import check_platform
from relay.store.companies.states import Companies
from relay.times import now_ms

api = group("companies", __name__, COMPANIES)

PAGE = 500
SCAN_LIMIT = 5000  # companies looked at in one request under a filter
CREATING = (
    "It is known here a moment after the answer. Without an `Idempotency-Key` it is not safe to"
    f" send again after a 502 or 503. {idempotency.MAY_BE_SENT_AGAIN}"
)
ACCEPTING = (
    "It takes hold a moment after the answer; with `identity_mark` only while the books still name"
    " that one. A company whose books name whom it was, or who was accepted already, has nothing to"
    " accept: 409."
)


@api.get("/companies", responses={200: CompanyList})
def list_companies(query: CompanyQuery) -> Reply:
    """List companies."""
    store = services().store
    check_platform(store, "platform", query.platform)
    found, cursor = _search(store.companies, query)
    return CompanyList(
        companies=[schemas.short(company) for company in found],
        next=cursor,
        total=store.companies.count(),
    ).model_dump()


@api.get("/companies/<company_id>", responses={200: CompanyDetail, **described("unknown-company")})
def get_company(path: CompanyPath) -> Reply:
    """Return one company: status, connections, info, freshness and schedules."""
    company = find_company(services().store, path.company_id)
    schedules = schedule_shapes.of_company(services().store, company, now_ms() // 1000)
    return schemas.whole(company, schedules).model_dump()


@api.post(
    "/companies",
    description=CREATING,
    responses={
        201: CompanyCreated,
        **described(
            "forbidden",
            "codat-limit",
            "codat-refused",
            "codat-unavailable",
            "busy",
            "store-away",
            *idempotency.PROBLEMS,
        ),
    },
)
def create_company(header: Key, body: CompanyBody) -> Reply:
    """Create a company at Codat."""
    with idempotency.once(header.idempotency_key, body) as attempt:
        if attempt.answer is not None:
            given, headers = CompanyCreated(**attempt.answer), idempotency.REPEATED
            given.link_url = creation.link_again(given.id, body.platform_key)
        else:
            given, headers = creation.create(body, attempt, caller().name), {}
            attempt.end(given.model_dump(exclude={"link_url"}) | {"link_url": None})
    location = {"Location": f"/v1/companies/{given.id}"}
    return given.model_dump(), HTTPStatus.CREATED, location | headers


@api.post(
    "/companies/<company_id>/identity/accept",
    description=ACCEPTING,
    responses={204: None, **described("forbidden", "unknown-company", "conflict")},
)
def accept_identity(path: CompanyPath, query: AcceptQuery) -> Reply:
    """Say that a relinked company is the right one although its books name another."""
    store = services().store
    company = find_company(store, path.company_id)
    identities.accept_identity(store, services().hints, company, caller().name, query.identity_mark)
    return "", HTTPStatus.NO_CONTENT


def _search(companies: Companies, query: CompanyQuery) -> tuple[list[Company], str | None]:
    found: list[Company] = []
    after = query.after
    for _ in range(SCAN_LIMIT // PAGE):
        page = companies.page(after, PAGE if _filters(query) else query.limit + 1)
        for company in page:
            if len(found) == query.limit:
                return found, after
            after = company.id
            if _fits(company, query):
                found.append(company)
        if len(page) < PAGE:
            return found, None
    return found, after


def _filters(query: CompanyQuery) -> bool:
    return bool(query.status or query.platform or query.q)


def _fits(company: Company, query: CompanyQuery) -> bool:
    if query.status and company.status is not query.status:
        return False
    if query.platform and not is_on(company, query.platform.casefold()):
        return False
    if query.q:
        part = query.q.casefold()
        return part in company.name.casefold() or company.id.startswith(part)
    return True
