"""Compare what the service holds after a scenario with what the scenario states."""

import time
from dataclasses import dataclass
from typing import Any

from cli.client import Api
from cli.faults import Failed

TIMEOUT = 60.0  # seconds
POLL_SECONDS = 0.3
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Ending:
    """One company, or the log itself: how it should end, and how it has."""

    about: str
    wanted: str
    held: str
    lacks: tuple[str, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether it ended as stated."""
        return self.wanted == self.held and not self.lacks

    def shown(self) -> dict[str, Any]:
        """Show it."""
        return {
            "about": self.about,
            "wanted": self.wanted,
            "held": self.held,
            "lacks": ", ".join(self.lacks),
            "verdict": "ok" if self.is_met else "wrong",
        }


class ScenarioCheck:
    """Reads the service's log from the moment when it is made."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._began = int(api.get("/v1/status")["last_event"])

    def endings(self, played: dict[str, Any]) -> list[Ending]:
        """Return how all ended, once that is as stated or after a minute."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            found = self._look(played)
            if all(one.is_met for one in found) or time.monotonic() > deadline:
                return found
            time.sleep(POLL_SECONDS)

    def _look(self, played: dict[str, Any]) -> list[Ending]:
        by_company: dict[str | None, set[str]] = {}
        everything: set[str] = set()
        for event in self._events():
            by_company.setdefault(event.get("subject"), set()).add(event["type"])
            everything.add(event["type"])
        found = [
            self._company(one, by_company.get(one["id"], set()), played)
            for one in played["companies"]
        ]
        if lacks := tuple(kind for kind in played["told"] if kind not in everything):
            found.append(Ending("the log", "complete", "incomplete", lacks))
        return found

    def _company(self, one: dict[str, Any], types: set[str], played: dict[str, Any]) -> Ending:
        lacks = [kind for kind in played["events"] if kind not in types]
        lacks += [f"not {kind}" for kind in played["never"] if kind in types]
        try:
            held = str(self._api.get(f"/v1/companies/{one['id']}")["status"])
        except Failed:
            held = "unknown"
        return Ending(one["id"], one["status"], held, tuple(lacks))

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = self._began
        while True:
            page = self._api.get("/v1/events", after=after, limit=PAGE)
            found += page["events"]
            if int(page["cursor"]) == after or not page["events"]:
                return found
            after = int(page["cursor"])
