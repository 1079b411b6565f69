"""An hourly schedule that falls due within seconds, so that nobody has to wait to see it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.client import Api

DATA_TYPE = "invoices"
LEAST = timedelta(seconds=2)  # so that it is saved before it falls due
SOON = timedelta(seconds=8)


def soonest(api: Api, company_id: str) -> tuple[dict[str, Any], datetime]:
    """Return an hourly schedule of the company that soon falls due, and when that is.

    A schedule names a minute and over how many seconds companies are spread. Where in these a
    company stands is decided by its id, so each spread is previewed until one fits.
    """
    now = datetime.now(UTC)
    found = []
    for body in _candidates(now):
        runs = api.put(f"/v1/schedules/{company_id}/{DATA_TYPE}", body, preview="true")["next_runs"]
        due = datetime.fromisoformat(runs[0])
        if due - now >= LEAST:
            found.append((due, body))
        if LEAST <= due - now <= SOON:
            break
    due, body = min(found, key=lambda one: one[0])
    return body, due


def _candidates(now: datetime) -> Iterator[dict[str, Any]]:
    for minutes in (1, 2):
        yield {"cadence": "hourly", "minute": (now + timedelta(minutes=minutes)).minute}
    for spread in range(1, 60):
        yield {"cadence": "hourly", "minute": now.minute, "spread": spread}
