"""The gate before every call: processes that share a quota decide there whether to call."""

from typing import Protocol

from codat.errors import RateLimit
from codat.units import Seconds


class Gate(Protocol):
    """Grants calls one by one and records how each ended. Shared by threads."""

    def begin_call(self, company_id: str | None) -> str:
        """Grant one call and return its id; raises NoCallNow if no call may be sent."""

    def end_call(
        self,
        call: str,
        company_id: str | None,
        rate_limit: RateLimit | None,
        retry_after: Seconds | None,
    ) -> None:
        """End the call and record its limits; `retry_after` comes only from a 429."""


class OpenGate:
    """Lets every call pass."""

    def begin_call(self, company_id: str | None) -> str:
        """Grant the call."""
        return ""

    def end_call(
        self,
        call: str,
        company_id: str | None,
        rate_limit: RateLimit | None,
        retry_after: Seconds | None,
    ) -> None:
        """Record nothing."""
