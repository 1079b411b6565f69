"""Periods without a sync of their own, and their events: the latest periods get one each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

MAX_SINGLE = 1000  # periods that get an event each; older ones share one event


class Older(NamedTuple):
    """The older periods, which share one event: the first, the last, and how many."""

    first: str
    last: str
    number: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Periods without a sync, in order, and the reason."""

    periods: tuple[str, ...] = ()
    reason: str = ""
    older: Older | None = None

    @classmethod
    def of(cls, periods: Iterable[str], reason: str) -> Self:
        """Return these periods: the latest one by one, older ones together."""
        every = list(periods)
        rest = every[:-MAX_SINGLE]
        older = Older(rest[0], rest[-1], len(rest)) if rest else None
        return cls(tuple(every[-MAX_SINGLE:]), reason, older)

    def __bool__(self) -> bool:
        """Report whether any period was missed."""
        return bool(self.periods)

    def payload(self) -> dict[str, Any]:
        """Return it as an action's payload carries it."""
        older = self.older and list(self.older)
        return {"periods": self.periods, "reason": self.reason, "older": older}


NONE_MISSED = Missed()


def event_data(data_type: str, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of each `sync.missed` event for a payload that `Missed.payload` wrote."""
    common = {"data_type": data_type, "reason": payload["reason"]}
    if payload.get("older"):
        first, last, number = payload["older"]
        yield common | {"period": first, "from": first, "to": last, "count": number}
    for period in payload["periods"]:
        yield common | {"period": period}
