"""Find one company by its id, or choose several: by ids, by a filter, or all."""

from collections.abc import Iterator, Sequence

from codat.records import read_id
from relay.companies.company import DELETED, Company, CompanyStatus
from relay.services.errors import UnknownCompany
from relay.services.known_names import check_platform, nearest_company
from relay.store import Store

MAX_NAMED = 5  # ids in an error
UNKNOWN = "Look at /v1/companies for the companies there are"
NOT_HELD = "Of these companies some are not held here:"


def find_company(store: Store, company_id: str) -> Company:
    """Return the company of this id; raises UnknownCompany."""
    wanted = read_id(company_id)
    company = store.companies.get(wanted) if wanted else None
    if company is None:
        raise UnknownCompany(f"{UNKNOWN}{nearest_company(store, company_id)}.")
    return company


def choose_companies(
    store: Store,
    company_ids: Sequence[str] = (),
    *,
    status: CompanyStatus | None = None,
    platform: str | None = None,
) -> Iterator[Company]:
    """Yield the companies of these ids or, without ids, those that fit the filter.

    A filter leaves deleted companies out. Raises UnknownCompany, or InvalidValue for a platform
    that is not known.
    """
    if company_ids:
        yield from _of_ids(store, company_ids)
        return
    check_platform(store, "platform", platform)
    for company in store.companies.all():
        fits = status is None or company.status is status
        if fits and not company.deleted and (platform is None or is_on(company, platform)):
            yield company


def is_on(company: Company, platform: str) -> bool:
    """Report whether a company has a platform, given by key or name, whatever the case."""
    platform = platform.casefold()
    keys = {c.platform_key.casefold() for c in company.connections.values() if c.status != DELETED}
    return platform in keys | {name.casefold() for name in company.platforms}


def _of_ids(store: Store, company_ids: Sequence[str]) -> Iterator[Company]:
    ids = [read_id(given) or given for given in company_ids]
    held = store.companies.get_many(dict.fromkeys(ids))
    if missing := [company_id for company_id, company in held.items() if company is None]:
        named = ", ".join(missing[:MAX_NAMED]) + (", ..." if len(missing) > MAX_NAMED else "")
        near = nearest_company(store, missing[0]) if len(missing) == 1 else ""
        raise UnknownCompany(f"{NOT_HELD} {named}{near}.")
    yield from (company for company in held.values() if company is not None)
