"""How many requests about one company run at once (Codat: using-the-api/rate-limits, ten)."""

import threading
from collections import Counter


class Crowd:
    """Counts the requests under way by company; `most` None lets any number in."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, company_id: str) -> bool:
        """Let a request in; False when too many are inside already."""
        with self._lock:
            if self.most is not None and self._inside[company_id] >= self.most:
                return False
            self._inside[company_id] += 1
            return True

    def leave(self, company_id: str) -> None:
        """Let a request out that was let in."""
        with self._lock:
            self._inside[company_id] -= 1
            if self._inside[company_id] <= 0:
                del self._inside[company_id]
