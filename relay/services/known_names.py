"""Check that named platforms, tags and companies are known; else raise, and suggest the nearest."""

from collections.abc import Callable, Iterable, Iterator

from codat.records import Integration, read_id
from relay.nearest import all_of, hint, nearest
from relay.services.errors import InvalidValue
from relay.store import Store

MAX_COMPARED = 200  # ids compared with an unknown one
MIN_LIKENESS = 0.85  # of 1; two random ids are about half alike
Words = Callable[[str, str, str], Iterable[str]]  # of a platform's key, name and source type

NO_PLATFORM = "is no platform of Codat's, nor of a company that is held"
NO_TYPE = "is no type of a platform of Codat's, nor of a company that is held"
NO_TAG = "is a tag of no company that is held"
ANYWAY = "; send `anyway` (--anyway) to set it for companies that will have it"
NO_COMPANY = "is no company that is held"


def check_platform(store: Store, field: str, name: str | None) -> None:
    """Raise InvalidValue for a platform's key or name that neither Codat nor a company has.

    While no platform at all is known, every name passes.
    """
    if name is not None:
        _check(store, field, name, _keys_and_names, NO_PLATFORM)


def check_source_type(store: Store, field: str, name: str | None) -> None:
    """Raise InvalidValue for a source type, such as Accounting, that no known platform has.

    While no platform at all is known, every name passes.
    """
    if name is not None:
        _check(store, field, name, _source_types, NO_TYPE)


def check_tag(store: Store, field: str, name: str) -> None:
    """Raise InvalidValue for a tag, `name` or `name=value`, that no company has."""
    found = set[str]()
    for company in store.companies.all():
        for key, value in company.tags.items():
            found |= {key, f"{key}={value}"}
        if name in found:
            return
    raise InvalidValue(field, NO_TAG + hint(name, sorted(found)) + ANYWAY)


def check_company(store: Store, field: str, given: str) -> None:
    """Raise InvalidValue for the id of a company that we do not hold."""
    company_id = read_id(given)
    if company_id is None or store.companies.get(company_id) is None:
        raise InvalidValue(field, NO_COMPANY + nearest_company(store, given))


def nearest_company(store: Store, given: str) -> str:
    """Return the end of an error message that suggests a company with such an id or name.

    With many companies, only those whose ids begin alike are compared; a few are all listed.
    """
    companies = store.companies
    few = companies.count() <= MAX_COMPARED
    page = companies.page("" if few else given.lower()[:4], MAX_COMPARED)
    if near := nearest(given, [one.id for one in page], close=MIN_LIKENESS):
        return f"; the nearest that is known is {near}"
    named = {one.name: one.id for one in page if one.name}
    name = nearest(given, named)
    if name:
        return f"; the id of {name} is {named[name]}"
    return all_of([one.id for one in page]) if few else ""


def _check(store: Store, field: str, name: str, words: Words, message: str) -> None:
    wanted, found = name.casefold(), dict[str, None]()
    for word in _known(store, words):
        if word.casefold() == wanted:
            return
        found[word] = None
    if found:
        raise InvalidValue(field, message + hint(name, found))


def _known(store: Store, words: Words) -> Iterator[str]:
    """Yield the words of Codat's own list, then those of the companies we hold."""
    listed = store.platforms.read()
    for record in listed[1] if listed else ():
        one = Integration.from_json(record)
        yield from words(one.key, one.name, one.source_type or "")
    for company in store.companies.all():
        for c in company.connections.values():
            yield from words(c.platform_key, c.platform_name, c.source_type)


def _keys_and_names(key: str, name: str, _: str) -> Iterable[str]:
    return filter(None, (name, key))


def _source_types(_: str, __: str, source: str) -> Iterable[str]:
    return filter(None, (source,))
