"""Reads a list of Codat's page by page, and never follows a link to another host."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from codat.answers import Answer
from codat.transport import Transport

Page = tuple[Answer, list[dict[str, Any]]]


def one_page(
    transport: Transport, path: str, parameters: dict[str, str]
) -> tuple[Answer, list[dict[str, Any]], bool]:
    """Return one page's answer, its records, and whether another follows.

    Raises BadAnswer if the list ends before its `totalResults`.
    """
    answer = transport.send("GET", path, parameters=list(parameters.items()))
    results = _results(answer)
    more = bool(results) and _next_href(answer.json_object()) is not None
    number = int(parameters["page"]) if results else int(parameters["page"]) - 1
    total = answer.json_object().get("totalResults")
    if not more and isinstance(total, int) and total > number * int(parameters["pageSize"]):
        raise answer.bad("the list ends before its totalResults")
    return answer, results, more


def pages(transport: Transport, path: str, parameters: dict[str, str]) -> Iterator[Page]:
    """Yield each page's answer and its records; the next is requested only on demand.

    A list that leads in a circle or off the host raises BadAnswer: a comparison must not
    take a part for the whole.
    """
    seen = set[tuple[str, str]]()
    asked = dict(parameters)
    while True:
        seen.add((path, asked["page"]))
        answer = transport.send("GET", path, parameters=list(asked.items()))
        results = _results(answer)
        yield answer, results
        href = _next_href(answer.json_object())
        if href is None or not results:
            return
        path, given = _target(transport.base_url, href, answer)
        # Our parameters are kept if the link omits them.
        asked = {**parameters, **given}
        if (path, asked["page"]) in seen:
            raise answer.bad("the pages lead in a circle")


def _results(answer: Answer) -> list[dict[str, Any]]:
    results = answer.json_object().get("results")
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise answer.bad("the list has no results")
    return results


def _next_href(body: dict[str, Any]) -> str | None:
    links = body.get("_links")
    following = links.get("next") if isinstance(links, dict) else None
    href = following.get("href") if isinstance(following, dict) else None
    return href if isinstance(href, str) and href else None


def _target(base_url: str, href: str, answer: Answer) -> tuple[str, dict[str, str]]:
    """Return path and parameters of a link, relative as Codat's are or to the same host."""
    try:
        link, base = urlsplit(href), urlsplit(base_url)
    except ValueError:
        raise answer.bad("the link to the next page is malformed") from None
    is_elsewhere = (link.scheme or link.netloc) and link[:2] != base[:2]
    if is_elsewhere or not link.path.startswith("/"):
        raise answer.bad("the link to the next page leads elsewhere")
    path = link.path
    if link.netloc and base.path:
        path = path.removeprefix(base.path)
    return path, dict(parse_qsl(link.query, keep_blank_values=True))
