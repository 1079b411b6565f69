"""Judges how the service ends after a scenario: what it holds, against what the scenario states."""

import time
from dataclasses import dataclass
from typing import Any

from cli.client import Api
from cli.faults import Failed

PATIENCE = 60.0  # seconds
LOOK = 0.3
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Verdict:
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


class Judge:
    """Reads the service's log from the moment it is made."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._began = int(api.get("/v1/status")["last_event"])

    def judge(self, played: dict[str, Any]) -> list[Verdict]:
        """Look again and again until all has ended as stated, for a minute at most."""
        deadline = time.monotonic() + PATIENCE
        while True:
            verdicts = self._look(played)
            if all(one.is_met for one in verdicts) or time.monotonic() > deadline:
                return verdicts
            time.sleep(LOOK)

    def _look(self, played: dict[str, Any]) -> list[Verdict]:
        told: dict[str | None, set[str]] = {}
        everything: set[str] = set()
        for event in self._events():
            told.setdefault(event.get("subject"), set()).add(event["type"])
            everything.add(event["type"])
        verdicts = [
            self._company(one, told.get(one["id"], set()), played) for one in played["companies"]
        ]
        if lacks := tuple(kind for kind in played["told"] if kind not in everything):
            verdicts.append(Verdict("the log", "told", "not told", lacks))
        return verdicts

    def _company(self, one: dict[str, Any], told: set[str], played: dict[str, Any]) -> Verdict:
        lacks = [kind for kind in played["events"] if kind not in told]
        lacks += [f"not {kind}" for kind in played["never"] if kind in told]
        try:
            held = str(self._api.get(f"/v1/companies/{one['id']}")["status"])
        except Failed:
            held = "unknown"
        return Verdict(one["id"], one["status"], held, tuple(lacks))

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = self._began
        while True:
            page = self._api.get("/v1/events", after=after, limit=PAGE)
            found += page["events"]
            if int(page["cursor"]) == after or not page["events"]:
                return found
            after = int(page["cursor"])
