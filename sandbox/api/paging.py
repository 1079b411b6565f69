"""Pages of a list, as Codat cuts them (Codat: using-the-api/paging)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from sandbox.world import refusals

DEFAULT_SIZE = 100
LARGEST = 2000  # a request may ask for 5,000, an answer says 2,000 at most (Codat's OpenAPI file)
MAX_NUMBER = 2**31 - 1
REPEATED = ("query", "tags", "orderBy")  # parameters that the links repeat

Item = TypeVar("Item")


def page(
    items: Sequence[Item],
    show: Callable[[Item], dict[str, Any]],
    path: str,
    asked: Mapping[str, str],
) -> dict[str, Any]:
    """Show one page of `items`, with relative links to itself and its neighbours."""
    number = _whole(asked, "page", 1)
    size = min(_whole(asked, "pageSize", DEFAULT_SIZE), LARGEST)
    first = (number - 1) * size
    links = {"self": {"href": path}, "current": _link(path, asked, number, size)}
    if first + size < len(items):
        links["next"] = _link(path, asked, number + 1, size)
    if number > 1:
        links["previous"] = _link(path, asked, number - 1, size)
    return {
        "results": [show(item) for item in items[first : first + size]],
        "pageNumber": number,
        "pageSize": size,
        "totalResults": len(items),
        "_links": links,
    }


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= MAX_NUMBER:
        raise refusals.bad_request()
    return int(text)


def _link(path: str, asked: Mapping[str, str], number: int, size: int) -> dict[str, str]:
    kept = {name: asked[name] for name in REPEATED if name in asked}
    return {"href": f"{path}?{urlencode({'page': number, 'pageSize': size, **kept})}"}
