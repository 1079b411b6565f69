"""Read company states; only a lane's commit writes them."""

from collections.abc import Iterable, Iterator
from typing import Any

from redis import Redis

from relay.companies.company import Company
from relay.store import keys
from relay.store.companies.packed import unpack

PAGE_SIZE = 500


class Companies:
    """The companies of one store."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def get(self, company_id: str) -> Company | None:
        """Return one company, or None when it is unknown."""
        return self.get_many([company_id])[company_id]

    def get_many(self, company_ids: Iterable[str]) -> dict[str, Company | None]:
        """Return several companies in one round trip; None for unknown ones."""
        ids = list(company_ids)
        if not ids:
            return {}
        raw = self._client.mget([keys.COMPANY + company_id for company_id in ids])
        return {
            company_id: Company.from_json(unpack(company_id, state)) if state else None
            for company_id, state in zip(ids, raw, strict=True)
        }

    def page(self, after: str = "", limit: int = 100) -> list[Company]:
        """Return up to `limit` companies in id order, after the id `after`."""
        found: list[bytes] = self._client.zrange(
            keys.COMPANIES, f"({after}" if after else "-", "+", bylex=True, offset=0, num=limit
        )
        companies = self.get_many(company_id.decode() for company_id in found)
        return [company for company in companies.values() if company]

    def all(self) -> Iterator[Company]:
        """Walk all companies in id order, a page at a time."""
        after = ""
        while page := self.page(after, PAGE_SIZE):
            yield from page
            after = page[-1].id

    def count(self) -> int:
        """Return how many companies we hold."""
        return int(self._client.zcard(keys.COMPANIES))
