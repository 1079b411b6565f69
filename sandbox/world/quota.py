"""Codat's rate limits: so many requests a day for the client, so many a minute from an address."""

from dataclasses import dataclass, field

DAY = 86_400.0  # seconds; from one midnight in UTC to the next
PER_COMPANY = 1000  # Codat: using-the-api/rate-limits, 1,000 x (1 + linked companies) a day
MAX_ADDRESSES = 1000


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What one request found: the day's figures, and how long to wait (seconds) if refused."""

    limit: int
    remaining: int
    reset: float
    retry_after: int | None = None


@dataclass(slots=True)
class Quota:
    """Counts requests; a limit of None is Codat's formula (a day) or no limit (a minute).

    A day of other than 86,400 seconds serves those who cannot wait for midnight.
    """

    daily: int | None = None
    per_minute: int | None = None
    day: float = DAY
    used: int = 0
    resets: float = 0.0
    was_reached: bool = False
    minutes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def limit(self, linked_companies: int) -> int:
        """Return how many requests a day are allowed."""
        return PER_COMPANY * (1 + linked_companies) if self.daily is None else self.daily

    def roll(self, now: float) -> None:
        """Start a new day's count when the old day is over."""
        if now >= self.resets:
            self.used, self.resets = 0, (now // self.day + 1) * self.day

    def spend(self, address: str, linked_companies: int, now: float) -> QuotaUse:
        """Count one request; refused ones cost nothing."""
        self.roll(now)
        limit = self.limit(linked_companies)
        wait = None
        if self.used >= limit:
            wait = max(1, round(self.resets - now))
        elif self._minute_is_full(address, now):
            wait = max(1, 60 - int(now) % 60)
        else:
            self.used += 1
        return QuotaUse(limit, max(0, limit - self.used), self.resets, wait)

    def _minute_is_full(self, address: str, now: float) -> bool:
        if self.per_minute is None:
            return False
        minute = int(now // 60)
        seen, count = self.minutes.get(address, (minute, 0))
        count = count if seen == minute else 0
        if count >= self.per_minute:
            return True
        if len(self.minutes) > MAX_ADDRESSES:
            self.minutes.clear()
        self.minutes[address] = (minute, count + 1)
        return False
