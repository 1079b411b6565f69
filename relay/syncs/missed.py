"""Periods without a sync of their own, and how the log is told: the latest of them one by one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

MAX_SINGLE = 1000  # periods told in an event each; those before them share one


class Older(NamedTuple):
    """The periods that are told together: the first and last of them, and how many."""

    first: str
    last: str
    number: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Periods without a sync, in order, and why they have none."""

    periods: tuple[str, ...] = ()
    reason: str = ""
    older: Older | None = None

    @classmethod
    def of(cls, periods: Iterable[str], reason: str) -> Self:
        """Tell the latest periods one by one, and the rest together."""
        every = list(periods)
        rest = every[:-MAX_SINGLE]
        older = Older(rest[0], rest[-1], len(rest)) if rest else None
        return cls(tuple(every[-MAX_SINGLE:]), reason, older)

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.periods)

    def payload(self) -> dict[str, Any]:
        """Give it as a message carries it."""
        older = self.older and list(self.older)
        return {"periods": self.periods, "reason": self.reason, "older": older}


NONE_MISSED = Missed()


def event_data(data_type: str, told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the data of each `sync.missed` that a message's `payload` comes to."""
    common = {"data_type": data_type, "reason": told["reason"]}
    if told.get("older"):
        first, last, number = told["older"]
        yield common | {"period": first, "from": first, "to": last, "count": number}
    for period in told["periods"]:
        yield common | {"period": period}
