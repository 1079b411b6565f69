"""Faults that can be set on the sandbox's API while it runs."""

import random
import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"  # an error answer; nothing is done
    SLOW = "slow"  # everything as usual, but late
    HANG = "hang"  # no answer at all; nothing is done
    HALF = "half"  # the work is done, half the answer's body comes
    LOST = "lost"  # the work is done, the connection drops before the answer
    DOWN = "down"  # the connection drops at once; nothing is done


@dataclass(slots=True)
class Fault:
    """One rule: which requests it hits, how often, and what happens to them.

    `path` may hold `{name}` for one part and `*` for anything; None matches all. `left` counts
    down.
    """

    id: int
    kind: FaultKind
    method: str | None = None
    path: str | None = None
    company_id: str | None = None
    share: float = 1.0
    left: int | None = None
    status: int = 500
    retry_after: int | None = None
    seconds: float = 1.0
    pattern: re.Pattern[str] | None = field(default=None, repr=False)

    def hits(self, method: str, path: str, company_id: str | None) -> bool:
        """Whether a request is one that this fault is about."""
        return (
            self.left != 0
            and self.method in (None, method)
            and self.company_id in (None, company_id)
            and (self.pattern is None or self.pattern.fullmatch(path) is not None)
        )

    def shown(self) -> dict[str, Any]:
        """Show it as it was asked for, with its id and what is left."""
        return {
            "id": self.id,
            "kind": str(self.kind),
            "method": self.method,
            "path": self.path,
            "companyId": self.company_id,
            "share": self.share,
            "count": self.left,
            "status": self.status if self.kind is FaultKind.STATUS else None,
            "retryAfter": self.retry_after,
            "seconds": self.seconds,
        }


class Faults:
    """The faults set now; the first that hits a request counts."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - faults to order, no secret
        self._lock = threading.Lock()
        self._ids = count(1)
        self._set: list[Fault] = []

    def add(self, wanted: dict[str, Any]) -> Fault:
        """Set a fault from its JSON form; raises ValueError or TypeError when unfit."""
        path, method, company = (wanted.get(k) for k in ("path", "method", "companyId"))
        number = wanted.get("count")
        retry_after = wanted.get("retryAfter")
        fault = Fault(
            id=next(self._ids),
            kind=FaultKind(wanted.get("kind", "status")),
            method=str(method).upper() if method else None,
            path=str(path) if path else None,
            company_id=str(company).lower() if company else None,
            share=float(wanted.get("share", 1.0)),
            left=None if number is None else int(number),
            status=int(wanted.get("status", 500)),
            retry_after=None if retry_after is None else int(retry_after),
            seconds=float(wanted.get("seconds", 60.0 if wanted.get("kind") == "hang" else 1.0)),
            pattern=_pattern(str(path)) if path else None,
        )
        with self._lock:
            self._set = [*self._set, fault]
        return fault

    def clear(self) -> None:
        """Take all faults away."""
        self._set = []

    def list(self) -> list[dict[str, Any]]:
        """Show the faults set now."""
        return [fault.shown() for fault in self._set]

    def strike(self, method: str, path: str, company_id: str | None) -> Fault | None:
        """Find the fault that a request meets, and count it."""
        if not self._set:
            return None
        with self._lock:
            for fault in self._set:
                if fault.hits(method, path, company_id) and self._rng.random() < fault.share:
                    if fault.left is not None:
                        fault.left -= 1
                    return fault
        return None


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{[^}]*\}|\*)", path)
    return re.compile("".join(map(_piece, pieces)))


def _piece(piece: str) -> str:
    if piece.startswith("{"):
        return "[^/]+"
    return ".*" if piece == "*" else re.escape(piece)
