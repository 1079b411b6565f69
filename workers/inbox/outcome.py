"""What a handler returns: the company as it now is, what to log, what to do at Codat."""

from dataclasses import dataclass
from typing import Any, Self

from codat.webhook import Quota
from relay.companies.company import Company
from relay.fast_replace import fast_replace
from relay.times import Millis


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event to be appended to the log."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IntentRequest:
    """Work to do at Codat after `delay` ms. `link`: a customer who just linked waits for it."""

    kind: str
    delay: int = 0
    link: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """An amount to add to one figure of a reconciliation, or to take from it."""

    run: str
    what: str
    more: int = 1


@dataclass(frozen=True)
class Outcome:
    """The result of handling one event; a `stale` one requests no work."""

    company: Company
    events: tuple[NewEvent, ...] = ()
    requests: tuple[IntentRequest, ...] = ()
    hold_until: Millis | None = None  # 0 lifts the hold on calls to Codat
    quota: Quota | None = None  # what Codat says of the day that began, with a lifted hold
    stale: bool = False
    counted: tuple[Counted, ...] = ()

    def log(self, event_type: str, /, **data: Any) -> Self:
        """Append an event to the log."""
        return fast_replace(self, events=(*self.events, NewEvent(event_type, data)))

    def request(self, kind: str, *, delay: int = 0, link: bool = False) -> Self:
        """Request an intent, due after `delay` ms; a stale event requests none.

        With `link` it follows a link, and may use the calls that are reserved for links.
        """
        if self.stale:
            return self
        return fast_replace(self, requests=(*self.requests, IntentRequest(kind, delay, link)))

    def hold(self, until: Millis, quota: Quota | None = None) -> Self:
        """Stop all calls to Codat until `until` (ms since the epoch): this quota is spent."""
        return fast_replace(self, hold_until=until, quota=quota)

    def lift_hold(self, quota: Quota | None) -> Self:
        """Allow calls to Codat again, by the quota of the day that began."""
        return fast_replace(self, hold_until=Millis(0), quota=quota)

    def with_company(self, company: Company) -> Self:
        """Replace the company, keep the rest."""
        return fast_replace(self, company=company)

    def count(self, run: str, what: str, more: int = 1) -> Self:
        """Add `more` to the figure `what` of a reconciliation, once with this message."""
        return fast_replace(self, counted=(*self.counted, Counted(run, what, more)))
