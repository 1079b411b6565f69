"""The limit of concurrent requests per company (Codat: using-the-api/rate-limits, ten)."""

import threading
from collections import Counter


class ConcurrencyLimit:
    """Counts the requests under way by company; `limit` None sets none."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    def acquire(self, company_id: str) -> bool:
        """Let a request start; False when too many are under way."""
        with self._lock:
            if self.limit is not None and self._under_way[company_id] >= self.limit:
                return False
            self._under_way[company_id] += 1
            return True

    def release(self, company_id: str) -> None:
        """End a request that was let start."""
        with self._lock:
            self._under_way[company_id] -= 1
            if self._under_way[company_id] <= 0:
                del self._under_way[company_id]
