"""How reads run: queued together, finished together, published as one event."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from sandbox.world import refusals
from sandbox.world.model import Company, Connection, Pull

MESSAGES = {
    "AuthError": "The connection is no longer authorized.",
    "FetchError": "The data could not be fetched from the platform.",
    "MapError": "The data could not be mapped.",
    "ProcessingError": "The data could not be processed.",
    "InternalError": "Something went wrong at Codat.",
    "RateLimitError": "The platform's own rate limit was reached.",
}


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """Pull operations that finish together at `due` (seconds since the epoch)."""

    due: float
    order: int
    company: Company = field(compare=False)
    pulls: tuple[Pull, ...] = field(compare=False)
    is_initial: bool = field(compare=False, default=False)


@dataclass(slots=True)
class Syncs:
    """The reads under way, soonest first."""

    seconds: float
    finished: Callable[[Reading, list[Pull], float], None]
    _due: list[Reading] = field(default_factory=list)
    _held: dict[str, list[Reading]] = field(default_factory=dict)  # by connection
    _order: "count[int]" = field(default_factory=count)

    def next_due(self) -> float | None:
        """Return when the next read finishes."""
        return self._due[0].due if self._due else None

    def advance(self, now: float) -> None:
        """Finish what is due."""
        while self._due and self._due[0].due <= now:
            reading = heapq.heappop(self._due)
            self._finish(reading, [p for p in reading.pulls if p.final is None], now)

    def start(
        self,
        company: Company,
        wanted: Iterable[tuple[Connection, str]],
        now: float,
        *,
        is_initial: bool = False,
    ) -> list[Pull]:
        """Queue reads; those already running are left out."""
        ready, pulls = [], []
        for connection, data_type in wanted:
            key = (connection.id, data_type)
            if key in company.running:
                continue
            pull = Pull(company.ids.uuid(), company.id, connection.id, data_type, now)
            pull.is_initial = is_initial
            company.running[key] = company.latest[data_type] = pull
            connection.reading.add(data_type)
            company.history.append(pull)
            pulls.append(pull)
            if connection.is_on:
                ready.append(pull)
            else:
                self._hold(Reading(now, next(self._order), company, (pull,), is_initial))
        if ready:
            self._begin(company, ready, now, is_initial=is_initial)
        return pulls

    def release(self, connection: Connection, now: float) -> None:
        """Begin the reads that waited for a connection's machine; what was one stays one."""
        held = self._held.pop(connection.id, [])
        for is_initial in (True, False):
            pulls = [
                p for r in held if r.is_initial is is_initial for p in r.pulls if p.final is None
            ]
            if pulls:
                self._begin(held[0].company, pulls, now, is_initial=is_initial)

    def take_up(self, company: Company, pulls: list[Pull], now: float, *, is_initial: bool) -> None:
        """Begin reads again that were under way when a sandbox was stopped."""
        held = [p for p in pulls if not company.connections[p.connection_id].is_on]
        for pull in held:
            self._hold(Reading(now, next(self._order), company, (pull,), is_initial))
        if ready := [p for p in pulls if p not in held]:
            self._begin(company, ready, now, is_initial=is_initial)

    def _begin(self, company: Company, pulls: list[Pull], now: float, *, is_initial: bool) -> None:
        due = now + self.seconds
        for pull in pulls:
            pull.started, pull.due = now, due
        heapq.heappush(
            self._due, Reading(due, next(self._order), company, tuple(pulls), is_initial)
        )

    def _hold(self, reading: Reading) -> None:
        self._held.setdefault(reading.pulls[0].connection_id, []).append(reading)

    def start_one(
        self, company: Company, data_type: str, connection_id: str | None, now: float
    ) -> Pull:
        """Queue one data type; raises `Refusal` when it is running, unsupported or unlinked."""
        linked = [c for c in company.linked() if connection_id in (None, c.id)]
        able = [c for c in linked if data_type in c.platform.data_types]
        if not linked:
            raise refusals.bad_request(
                f"Cannot queue {data_type} sync for {company.id} as it has no linked connection"
            )
        if not able:
            names = ", ".join(c.platform.name for c in linked)
            raise refusals.not_supported(data_type, names)
        running = [company.running.get((c.id, data_type)) for c in able]
        if all(running) and running[0]:
            raise refusals.in_progress(data_type, company.id, running[0].id)
        return self.start(company, ((c, data_type) for c in able), now)[0]

    def stop(self, company: Company, connection: Connection, status: str, now: float) -> None:
        """End a connection's running reads at once with `status`, and publish it."""
        pulls = [p for (owner, _), p in company.running.items() if owner == connection.id]
        self._held.pop(connection.id, None)
        if pulls:
            for pull in pulls:
                pull.final = status
            self._finish(Reading(now, next(self._order), company, tuple(pulls)), pulls, now)

    def _finish(self, reading: Reading, pulls: list[Pull], now: float) -> None:
        company = reading.company
        for pull in pulls:
            pull.final = pull.final or company.outcomes.get(pull.data_type, "Complete")
            pull.completed = now
            pull.message = MESSAGES.get(pull.final)
            company.running.pop((pull.connection_id, pull.data_type), None)
            if connection := company.connections.get(pull.connection_id):
                connection.reading.discard(pull.data_type)
                connection.read_at[pull.data_type] = now
            if pull.final == "Complete":
                company.succeeded[pull.data_type] = pull
        if pulls:
            self.finished(reading, pulls, now)
