"""What stands before every call: whoever shares a quota with others decides there."""

from typing import Protocol

from codat.errors import RateLimit
from codat.units import Seconds


class Gate(Protocol):
    """Grants calls one by one and hears how each ended. Shared by threads."""

    def enter(self, company_id: str | None) -> str:
        """Grant one call and give its id; raises NoCallNow when none may leave."""

    def leave(
        self,
        call: str,
        company_id: str | None,
        rate_limit: RateLimit | None,
        retry_after: Seconds | None,
    ) -> None:
        """Hear what the answer said of the limits; `retry_after` only from a 429."""


class OpenGate:
    """Lets every call pass."""

    def enter(self, company_id: str | None) -> str:
        """Grant it."""
        return ""

    def leave(
        self,
        call: str,
        company_id: str | None,
        rate_limit: RateLimit | None,
        retry_after: Seconds | None,
    ) -> None:
        """Take no notice."""
