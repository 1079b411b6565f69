"""Turns what happens in a world into events, each later than the one before."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sandbox import events
from sandbox.events import Event
from sandbox.model import Company, Connection, Pull


class Teller:
    """Makes events and hands them to `tell`; used under the world's lock."""

    def __init__(self, tell: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self.base_url = ""
        self._tell, self._clock = tell, clock
        self._last_stamp = 0

    def company(self, kind: str, company: Company) -> None:
        """Tell of a company."""
        self._send(kind, events.about_company(company, self.base_url), company)

    def connection(
        self, kind: str, company: Company, connection: Connection, old_status: str = ""
    ) -> None:
        """Tell of a connection, and what its status was before."""
        payload = events.about_connection(company, connection, self.base_url, self._clock())
        self._send(kind, payload, company, old_status=old_status)

    def reads(self, kind: str, company: Company, pulls: list[Pull]) -> None:
        """Tell of reads that have ended."""
        payload = events.about_reads(company, pulls, self.base_url)
        self._send(kind, payload, company, pulls=tuple(pulls))

    def rate_limit(self, kind: str, quota: int, remaining: int, expires: float) -> None:
        """Tell of the client's quota."""
        self._send(kind, events.about_rate_limit(quota, remaining, expires), None)

    def _send(
        self, kind: str, payload: dict[str, Any], company: Company | None, **more: Any
    ) -> None:
        # Strictly rising, so that a reader can order any two events of one world.
        self._last_stamp = max(int(self._clock() * 1_000_000), self._last_stamp + 1)
        if company is not None:
            more |= {
                "company_id": company.id,
                "tags": dict(company.tags),
                "is_silent": company.is_silent,
            }
        self._tell(Event(str(uuid4()), kind, self._last_stamp, payload, **more))
