"""What a handler gives back: the company as it now is, what to log, what to do at Codat."""

from dataclasses import dataclass
from typing import Any, Self

from codat.webhook import Quota
from relay.companies.company import Company
from relay.fast_replace import fast_replace


@dataclass(frozen=True, slots=True)
class Logged:
    """One status event to be appended to the log."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something to be done at Codat; `delay` in ms. `link`: a customer who links waits for it."""

    kind: str
    delay: int = 0
    link: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """More of something, or less, in the figures of a reconciliation."""

    run: str
    what: str
    more: int = 1


@dataclass(frozen=True)
class Outcome:
    """The result of handling one event. `stale` ones want nothing done."""

    company: Company
    logged: tuple[Logged, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    hold_until: int | None = None  # ms since the epoch; 0 lifts the hold on calls to Codat
    quota: Quota | None = None  # what Codat says of the day that began, with a lifted hold
    stale: bool = False
    counted: tuple[Counted, ...] = ()

    def log(self, logged_type: str, /, **data: Any) -> Self:
        """Append a status event."""
        return fast_replace(self, logged=(*self.logged, Logged(logged_type, data)))

    def then(self, kind: str, *, delay: int = 0, link: bool = False) -> Self:
        """Leave an intent, due after `delay` ms; a stale event leaves none.

        With `link` it follows a link, and may use the calls that are kept for those.
        """
        if self.stale:
            return self
        return fast_replace(self, wanted=(*self.wanted, Wanted(kind, delay, link)))

    def hold(self, until: int, quota: Quota | None = None) -> Self:
        """Let nobody call Codat until `until` (ms since the epoch), as this quota is spent."""
        return fast_replace(self, hold_until=until, quota=quota)

    def renewed(self, quota: Quota | None) -> Self:
        """Let calls to Codat go on, by the quota of the day that began."""
        return fast_replace(self, hold_until=0, quota=quota)

    def now(self, company: Company) -> Self:
        """Replace the company, keep the rest."""
        return fast_replace(self, company=company)

    def count(self, run: str, what: str, more: int = 1) -> Self:
        """Count more of `what` in the figures of a reconciliation, once with this message."""
        return fast_replace(self, counted=(*self.counted, Counted(run, what, more)))
