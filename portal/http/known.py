"""Platforms, tags and companies that a request names must be known; else the nearest is told."""

from collections.abc import Callable, Iterable, Iterator

from codat.records import Integration, read_id
from portal.http.problems import Refusal
from portal.services import services
from relay.nearest import all_of, hint, nearest

NEIGHBOURS = 200  # ids looked at for the nearest one
LIKE_AN_ID = 0.85  # of 1: ids made at random are half alike
Words = Callable[[str, str, str], Iterable[str]]  # of a platform's key, name and source type

NO_PLATFORM = "is no platform of Codat's, nor of a company that is held"
NO_TYPE = "is no type of a platform of Codat's, nor of a company that is held"
NO_TAG = "is a tag of no company that is held"
ANYWAY = "; send `anyway` (--anyway) to set it for companies that will have it"
NO_COMPANY = "is no company that is held"


def refuse(field: str, message: str) -> Refusal:
    """Return the refusal of one field."""
    errors = [{"field": field, "message": message}]
    return Refusal("invalid", f"Correct {field} and send again.", extra={"errors": errors})


def platform(field: str, name: str | None) -> None:
    """Refuse a platform, by key or name, that neither Codat lists nor a held company has.

    Where no platform at all is known yet, none can be told to be wrong.
    """
    if name is not None:
        _one_of(field, name, _keys_and_names, NO_PLATFORM)


def source_type(field: str, name: str | None) -> None:
    """Refuse a type such as Accounting that no known platform is of; likewise."""
    if name is not None:
        _one_of(field, name, _types, NO_TYPE)


def tag(field: str, name: str) -> None:
    """Refuse a tag, `name` or `name=value`, that no held company has."""
    found = set[str]()
    for company in services().store.companies.all():
        for key, value in company.tags.items():
            found |= {key, f"{key}={value}"}
        if name in found:
            return
    raise refuse(field, NO_TAG + hint(name, sorted(found)) + ANYWAY)


def company(field: str, given: str) -> None:
    """Refuse the id of a company that is not held."""
    company_id = read_id(given)
    if company_id is None or services().store.companies.get(company_id) is None:
        raise refuse(field, NO_COMPANY + nearest_company(given))


def nearest_company(given: str) -> str:
    """Say which held company may be meant, to end a refusal: by an id like this, or by its name.

    Of many companies those are looked at whose ids begin alike; few are all named.
    """
    companies = services().store.companies
    few = companies.count() <= NEIGHBOURS
    page = companies.page("" if few else given.lower()[:4], NEIGHBOURS)
    if near := nearest(given, [one.id for one in page], close=LIKE_AN_ID):
        return f"; the nearest that is known is {near}"
    named = {one.name: one.id for one in page if one.name}
    name = nearest(given, named)
    if name:
        return f"; the id of {name} is {named[name]}"
    return all_of([one.id for one in page]) if few else ""


def _one_of(field: str, name: str, words: Words, message: str) -> None:
    wanted, found = name.casefold(), dict[str, None]()
    for word in _known(words):
        if word.casefold() == wanted:
            return
        found[word] = None
    if found:
        raise refuse(field, message + hint(name, found))


def _known(words: Words) -> Iterator[str]:
    """Walk the words that Codat's list brings, then those of the companies held."""
    kept = services().store.platforms.read()
    for record in kept[1] if kept else ():
        one = Integration.from_json(record)
        yield from words(one.key, one.name, one.source_type or "")
    for held in services().store.companies.all():
        for c in held.connections.values():
            yield from words(c.platform_key, c.platform_name, c.source_type)


def _keys_and_names(key: str, name: str, _: str) -> Iterable[str]:
    return filter(None, (name, key))


def _types(_: str, __: str, source: str) -> Iterable[str]:
    return filter(None, (source,))
