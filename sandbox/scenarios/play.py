"""Plays a scenario on a sandbox; the same seed gives the same events, ids and all."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.api.services import Services
from sandbox.journal import Entry
from sandbox.scenarios import Scenario
from sandbox.world import clock, refusals, views
from sandbox.world.acts import Acts
from sandbox.world.ids import Ids
from sandbox.world.model import Company

READ_TIMEOUT = 120.0  # seconds to wait for reads to end
SEND_TIMEOUT = 20.0  # seconds to wait for webhooks to be taken; a relay may be down
POLL_SECONDS = 0.02
AT_CODAT = "as at Codat"
DELETED = "Deleted"
WALL_CLOCK = ("seq", "time")  # fields of a journal entry that no two runs share
Step = dict[str, Any]


class Play:
    """One performance; each company's ids and ledger follow the seed."""

    def __init__(self, services: Services, scenario: Scenario, seed: int) -> None:
        self._services, self._world = services, services.world
        self._scenario, self._seed = scenario, seed
        self._acts = Acts(services.world, services.delivery)
        self._root = Ids(f"play {scenario.name} {seed}")
        self._cast: list[Company] = []
        self._own: dict[str, Callable[[Step], None]] = {
            "create": self._create,
            "wait": self._wait,
            "pass": self._pass,
            "pause": self._pause,
            "quota": self._quota,
            "delivery": self._deliver,
            "replay": self._replay,
            "refresh": self._refresh,
        }

    def run(self) -> dict[str, Any]:
        """Do every step, wait for the webhooks to be sent, and say how a relay must end."""
        own_ids = self._world.publisher.ids
        try:
            # Events about no company have to follow the seed as well.
            self._world.publisher.ids = self._root.branch("client")
            for number, step in enumerate(self._scenario.steps, 1):
                self._note(number, step)
                self._do(step)
        finally:
            self._world.publisher.ids = own_ids
        self._settle()
        end = self._scenario.end
        return {
            "scenario": self._scenario.name,
            "seed": self._seed,
            "companies": [{"id": c.id, "status": self._status(c)} for c in self._cast],
            "events": list(end.events),
            "never": list(end.never),
            "told": list(end.told),
        }

    def _do(self, step: Step) -> None:
        act = str(step["do"])
        if act in self._own:
            self._own[act](step)
            return
        asked = {name: value for name, value in step.items() if name not in ("do", "every")}
        for company in self._cast[:: int(step.get("every", 1))]:
            # What an earlier step has deleted, or left in another state, is past this one.
            if company.id in self._world.companies:
                self._act(act, company, dict(asked), is_strict="every" not in step)

    def _act(self, act: str, company: Company, asked: Step, *, is_strict: bool) -> None:
        try:
            self._acts.do(act, company, asked)
        except refusals.Refusal as refusal:
            if is_strict or refusal.status != 409:
                raise

    def _create(self, step: Step) -> None:
        for number in range(1, self._scenario.companies + 1):
            company = self._world.create_company(
                str(step.get("name", "Session")) + f" {self._seed} {number}",
                ids=self._root.branch(number),
                ledger=(self._seed, number),
            )
            self._cast.append(company)

    def _wait(self, step: Step) -> None:
        """Wait until every read has ended that can: those of a machine that is off cannot."""
        deadline = time.monotonic() + READ_TIMEOUT
        while time.monotonic() < deadline:
            with self._world.lock:
                self._world.advance()
                running = [p for c in self._cast for p in c.running.values()]
            if all(pull.started is None for pull in running):
                return
            time.sleep(POLL_SECONDS)

    def _pass(self, step: Step) -> None:
        clock.move(self._services.clock, self._world, float(step["hours"]) * 3600)
        self._services.delivery.moved()

    def _pause(self, step: Step) -> None:
        """Wait until webhooks have arrived, and a while for what a relay does then."""
        self._settle()
        time.sleep(float(step["seconds"]))

    def _quota(self, step: Step) -> None:
        """Use the day's quota up, so that the next request is refused; or reset it."""
        with self._world.lock:
            self._world.advance()  # a day that ends only now would give the quota back
            quota = self._world.quota
            limit = quota.limit(self._world.linked_companies() + len(self._cast))
            quota.used = limit if step["used"] == "all" else 0
            if quota.used:
                self._world.spend("scenario")
            self._world.advance()

    def _deliver(self, step: Step) -> None:
        delivery = self._services.delivery
        delivery.faults = delivery.faults.changed({k: v for k, v in step.items() if k != "do"})

    def _replay(self, step: Step) -> None:
        ours = {company.id for company in self._cast}
        self._services.delivery.replay(lambda m: m.company_id in ours and not m.taken)

    def _refresh(self, step: Step) -> None:
        for company in self._cast:
            self._world.refresh(company.id, str(step["dataType"]))

    def _settle(self) -> None:
        """Wait until the webhooks of these companies are taken, and those of no company."""
        ours = {None, *(company.id for company in self._cast)}
        deadline = time.monotonic() + SEND_TIMEOUT
        while self._services.delivery.is_sending(ours) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _status(self, company: Company) -> str:
        if self._scenario.end.status != AT_CODAT:
            return self._scenario.end.status
        gone = company.id not in self._world.companies
        return DELETED if gone else views.classic_status(company)

    def _note(self, number: int, step: Step) -> None:
        what = {name: value for name, value in step.items() if name != "do"}
        self._services.journal.note(
            "play",
            scenario=self._scenario.name,
            seed=self._seed,
            step=number,
            do=step["do"],
            **({"with": what} if what else {}),
        )


def comparable(entries: list[Entry], companies: set[str] | None = None) -> list[bytes]:
    """Return what two plays of one seed share: all but the time and the number of each entry.

    Several threads send, so entries are sorted. Requests to the API are left out, as a client
    asks when it likes.
    """
    return sorted(
        orjson.dumps(
            {k: v for k, v in entry.items() if k not in WALL_CLOCK}, option=orjson.OPT_SORT_KEYS
        )
        for entry in entries
        if entry["kind"] != "api" and (companies is None or entry.get("companyId") in companies)
    )
