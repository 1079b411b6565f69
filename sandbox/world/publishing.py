"""Turns changes of a world into events, each later than the one before."""

from collections.abc import Callable
from typing import Any

from sandbox.world import events
from sandbox.world.events import Event
from sandbox.world.ids import Ids
from sandbox.world.model import Company, Connection, Pull, Write


class Publisher:
    """Makes events and hands them to `publish`; used under the world's lock."""

    def __init__(
        self, publish: Callable[[Event], None], clock: Callable[[], float], ids: Ids
    ) -> None:
        self.base_url = ""
        self._publish, self._clock, self.ids = publish, clock, ids
        self.last_stamp = 0

    def company(self, kind: str, company: Company) -> None:
        """Publish an event about a company."""
        self._send(kind, events.about_company(company, self.base_url), company)

    def product(self, kind: str, company: Company, product: str) -> None:
        """Publish that a company got a product, or lost it."""
        self._send(kind, events.about_product(company, product), company)

    def write(self, company: Company, write: Write) -> None:
        """Publish how a write ended."""
        outcome = "successful" if write.status == "Success" else "unsuccessful"
        payload = events.about_write(company, write)
        self._send(f"{write.data_type}.write.{outcome}", payload, company)

    def connection(
        self, kind: str, company: Company, connection: Connection, old_status: str = ""
    ) -> None:
        """Publish an event about a connection, with its status before."""
        payload = events.about_connection(company, connection, self.base_url, self._clock())
        self._send(kind, payload, company, old_status=old_status)

    def reads(self, kind: str, company: Company, pulls: list[Pull]) -> None:
        """Publish that reads have ended."""
        payload = events.about_reads(company, pulls, self.base_url)
        self._send(kind, payload, company, pulls=tuple(pulls))

    def rate_limit(self, kind: str, quota: int, remaining: int, expires: float) -> None:
        """Publish an event about the client's quota."""
        self._send(kind, events.about_rate_limit(quota, remaining, expires), None)

    def _send(
        self, kind: str, payload: dict[str, Any], company: Company | None, **more: Any
    ) -> None:
        # Strictly rising, so that a reader can order any two events of one world.
        self.last_stamp = max(int(self._clock() * 1_000_000), self.last_stamp + 1)
        ids = self.ids if company is None else company.ids
        if company is not None:
            more |= {
                "company_id": company.id,
                "tags": dict(company.tags),
                "is_silent": company.is_silent,
            }
        self._publish(Event(ids.uuid(), kind, self.last_stamp, payload, **more))
