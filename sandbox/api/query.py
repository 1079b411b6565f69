"""Codat's query language and ordering (Codat: using-the-api/querying, ordering-results)."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from codat.times import parse_time
from sandbox.world.refusals import Refusal

LONGEST = 2048
Shown = dict[str, Any]
Test = Callable[[Shown], bool]

_TOKEN = re.compile(r"\s*(?:(&&|\|\||[{}])|((?:(?!&&|\|\||[{}]).)+))")
_CLAUSE = re.compile(r"\s*([\w.]+)\s*(!=|>=|<=|=|~|>|<)\s*(.*?)\s*", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "~": lambda held, wanted: wanted in held,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


class Query:
    """A filter read from text; raises `Refusal` 400 as Codat does when it cannot be read.

    `known` names the properties that may be asked for on a thing of this `kind`.
    """

    def __init__(self, text: str, kind: str, known: frozenset[str] | None = None) -> None:
        self._kind, self._known = kind, known
        self._tokens = _split(text)
        self.matches: Test = self._either()
        if self._tokens:
            raise _malformed()

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        return lambda shown: any(test(shown) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("&&"):
            tests.append(self._one())
        return lambda shown: all(test(shown) for test in tests)

    def _one(self) -> Test:
        if self._take("{"):
            test = self._either()
            if not self._take("}"):
                raise _malformed()
            return test
        clause = _CLAUSE.fullmatch(self._tokens.pop(0)) if self._tokens else None
        if clause is None:
            raise _malformed()
        name, sign, value = clause.groups()
        if self._known is not None and name.split(".")[0] not in self._known:
            text = f"Error parsing query - Could not resolve property {name} on {self._kind}"
            raise Refusal(400, text, "PullApi" if self._kind == "Dataset" else "ClientsApi")
        wanted = value.strip("\"'")
        return lambda shown: any(
            _compare(sign, held, wanted) for held in _values(shown, name.split("."))
        )

    def _take(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False


def ordered(items: Iterable[Shown], order: str) -> list[Shown]:
    """Order by a property, `-` before it for descending; those without it come last."""
    name = order.lstrip("-")
    held = [(next(iter(_values(item, name.split("."))), None), item) for item in items]
    with_it = [pair for pair in held if pair[0] is not None]
    with_it.sort(key=lambda pair: _folded(pair[0]), reverse=order.startswith("-"))
    return [item for _, item in with_it] + [item for value, item in held if value is None]


def _split(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise _malformed()
    return [sign or clause for sign, clause in _TOKEN.findall(text.strip())]


def _values(shown: Any, path: list[str]) -> Iterable[Any]:
    if isinstance(shown, list):
        for item in shown:
            yield from _values(item, path)
    elif path and isinstance(shown, dict):
        by_name = {key.lower(): value for key, value in shown.items()}
        yield from _values(by_name.get(path[0].lower()), path[1:])
    elif not path and shown is not None:
        yield shown


def _compare(sign: str, held: Any, wanted: str) -> bool:
    """Compare as numbers or as times where both are, else as text in any case."""
    if sign != "~":
        for read in (_number, _time):
            one, other = read(held), read(wanted)
            if one is not None and other is not None:
                return _COMPARE[sign](one, other)
    return _COMPARE[sign](_folded(held), _folded(wanted))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
        return None
    return float(value)


def _time(value: Any) -> int | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}", value):
        return None
    return parse_time(value if "T" in value else f"{value}T00:00:00")


def _folded(value: Any) -> str:
    return str(value).casefold()


def _malformed() -> Refusal:
    return Refusal(400, "Error parsing query - Malformed query.", "ClientsApi")
