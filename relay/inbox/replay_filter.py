"""Which kept messages are to be handled again: a filter over what Codat sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import orjson

from codat.bodies import load
from relay.events.filter import selection
from relay.inbox.message import Message
from relay.times import Millis

DEAD = "dead"
APPLIED = "applied"
WAITING = "waiting"
RESULTS = (APPLIED, DEAD, WAITING)


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """A filter over messages. Times in ms, `until` exclusive; `ids` name single ones."""

    company: str | None = None
    types: tuple[str, ...] = ()
    since: Millis | None = None
    until: Millis | None = None
    result: str | None = None
    ids: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return it as it is stored."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = orjson.loads(raw)
        return cls(**{**values, "types": tuple(values["types"]), "ids": tuple(values["ids"])})

    def fits(self, message: Message, result: str) -> bool:
        """Report whether it takes this message, which came to `result`."""
        if self.result not in (None, result):
            return False
        if self.since is not None and message.received < self.since:
            return False
        if self.until is not None and message.received >= self.until:
            return False
        chosen = selection([self.company] if self.company else [], self.types)
        return chosen is None or chosen(_Shown(message.type, message.company_id or ""))


@dataclass(frozen=True, slots=True)
class _Shown:
    type: str
    subject: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the messages of one replay."""

    handled: int = 0
    added: int = 0  # events that were missing in the log
    already: int = 0  # messages of which nothing was missing
    dead: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum."""
        return Tally(
            self.handled + other.handled,
            self.added + other.added,
            self.already + other.already,
            self.dead + other.dead,
        )


def redacted_reason(reason: str, raw: bytes, fields: frozenset[str]) -> str:
    """Return why a message could not be handled without what is left out of its body.

    Where the body cannot be read, only the kind of fault is shown.
    """
    if not fields:
        return reason
    try:
        body = load(raw)
    except ValueError:
        return reason.partition(":")[0]
    for value in sorted(_values(body, fields), key=len, reverse=True):
        reason = reason.replace(value, "[redacted]")
    return reason


def _values(value: Any, fields: frozenset[str], within: bool = False) -> set[str]:
    """Return all values under these names, at any depth, as text."""
    if isinstance(value, Mapping):
        inner = (_values(one, fields, within or name in fields) for name, one in value.items())
        return set().union(*inner)
    if isinstance(value, list):
        return set().union(*(_values(one, fields, within) for one in value))
    return {str(value)} if within and value not in (None, "", True, False) else set()


def redacted(value: Any, fields: frozenset[str]) -> Any:
    """Return a JSON value without the values under these names, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: "[redacted]" if name in fields else redacted(inner, fields)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(inner, fields) for inner in value]
    return value
