"""Reconciliations: each a run with a position to go on from, and figures of what it found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import orjson
from redis import Redis

from relay.store import keys
from relay.store.intents.names import intent_name
from relay.store.intents.queue import Priority
from relay.store.scripts import Scripts
from relay.times import Millis

DAY_MS = 86_400_000
RETENTION_MS = 90 * DAY_MS
SEEN_RETENTION_MS = 7 * DAY_MS
SCAN_LIMIT = 100  # runs, for the last one over all companies
DRIFT = ("missed", "late", "wrong", "unknown")


class Phase(StrEnum):
    """What a run is at."""

    PAGES = "pages"  # walking Codat's companies; position is the page
    UNSEEN = "unseen"  # asking for those we hold that no page showed; position is our last id
    CHOSEN = "chosen"  # asking for the companies it was given; position is how many are done
    GONE = "gone"  # logging those that Codat does not know; position is the last one logged
    APPLYING = "applying"  # until the lanes have applied all it left; position is up to where
    DONE = "done"
    ABORTED = "aborted"
    STOPPED = "stopped"  # too many are gone: a person must accept that


ENDED = (Phase.DONE, Phase.ABORTED, Phase.STOPPED)


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation and how far it has come."""

    id: str
    cause: str
    started: int
    phase: Phase
    position: str
    chosen: tuple[str, ...]  # company ids, empty for all
    total: int | None  # companies to compare, as far as known
    finished: int | None
    accepts_deletions: bool = False  # however many are gone
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        """Report whether it is still at work."""
        return self.phase not in ENDED

    @property
    def place(self) -> str:
        """How far it has come, in a word."""
        return f"{self.phase}:{self.position}"

    @property
    def tails(self) -> dict[int, str]:
        """Up to which message of which lanes it waits, while it is applied."""
        return dict(orjson.loads(self.position))

    def further(self, position: str, more: Mapping[str, int]) -> "Run":
        """Return it as it is after a step that was noted."""
        figures = {**self.figures}
        for name, count in more.items():
            figures[name] = figures.get(name, 0) + count
        return replace(self, position=position, figures=figures)

    @property
    def compared(self) -> int:
        """How many companies were compared so far."""
        return self.figures.get("seen", 0)

    @property
    def tenths(self) -> int:
        """How many tenths of it are compared, 0 while it is not known of how many."""
        return min(10, 10 * self.compared // self.total) if self.total else 0

    @property
    def drift(self) -> dict[str, int]:
        """What differed: missed, late, wrong and unknown."""
        return {kind: self.figures.get(kind, 0) for kind in DRIFT}

    @property
    def miss_rate(self) -> float | None:
        """Of the changes since the run before, the share without a webhook.

        None without any, and for a run over some companies: the webhooks are those of all.
        """
        if self.chosen:
            return None
        missed = self.figures.get("missed", 0)
        told = self.figures.get("webhooks", 0)
        return missed / (missed + told) if missed + told else None

    @property
    def by_event_type_and_hour(self) -> dict[str, dict[str, int]]:
        """The differences by kind and event type, then by hour.

        That is when the change was made at Codat where that is known, else when it was found.
        """
        found: dict[str, dict[str, int]] = {}
        for name, count in self.figures.items():
            if name.count(":") == 2 and count:
                what, _, hour = name.rpartition(":")
                found.setdefault(what, {})[hour] = count
        return found


TEXTS = frozenset({"cause", "phase", "position", "chosen"})


class Reconciles:
    """The reconciliations of one store."""

    def __init__(self, client: Redis, scripts: Scripts) -> None:
        self._client: Any = client
        self._scripts = scripts

    def begin(
        self,
        run: str,
        *,
        cause: str,
        now: Millis,
        chosen: Sequence[str] = (),
        accept_deletions: bool = False,
    ) -> tuple[str, bool]:
        """Begin a run over all companies or the chosen; return which goes on, and if it is new."""
        told = self._webhooks_counted()
        of_all = (one for one in self.latest(SCAN_LIMIT) if not one.chosen)
        before = next((one.figures.get("webhooks_total", 0) for one in of_all), 0)
        phase = Phase.CHOSEN if chosen else Phase.PAGES
        fields = {
            "cause": cause,
            "started": now,
            "phase": phase,
            "position": "0" if chosen else "1",
            "chosen": orjson.dumps(list(chosen)),
            "total": len(chosen) if chosen else 0,
            "webhooks": told - before,
            "webhooks_total": told,
            "accept_deletions": int(accept_deletions),
        }
        flat: list[Any] = [part for pair in fields.items() for part in pair]
        going, begun = self._scripts.begin_reconcile(
            [keys.RECONCILE + run, keys.RECONCILES, keys.RECONCILING],
            [
                run,
                now,
                "" if chosen else "1",
                RETENTION_MS,
                keys.INTENT,
                keys.INTENTS_DUE,
                int(Priority.NOW if cause == "asked for" else Priority.RECONCILE),
                intent_name("reconcile", run),
                *flat,
            ],
        )
        return going.decode(), bool(begun)

    def _webhooks_counted(self) -> int:
        """Count the webhooks of connections that were applied, since the store began."""
        counters = self._client.hgetall(keys.COUNTERS)
        return sum(
            int(count)
            for name, count in counters.items()
            if name.startswith(b"webhook:connection.")
        )

    def move_on(
        self,
        run: Run,
        phase: Phase,
        position: str,
        *,
        seen: Sequence[str] = (),
        gone_at: int = 0,
        more: Mapping[str, int] | None = None,
    ) -> bool:
        """Note one step as done, with what it adds to the figures; False: it is elsewhere by now.

        `gone_at` (microseconds) says that Codat did not know those seen when it was asked then.
        """
        figures = [part for pair in (more or {}).items() for part in pair]
        return bool(
            self._scripts.reconcile_page(
                [keys.RECONCILE + run.id, keys.RECONCILE_SEEN + run.id],
                [
                    run.phase,
                    run.position,
                    phase,
                    position,
                    SEEN_RETENTION_MS,
                    gone_at,
                    len(figures) // 2,
                    *figures,
                    *seen,
                ],
            )
        )

    def note(self, run: str, **facts: int) -> None:
        """Set facts of a run, such as its total."""
        self._client.hset(keys.RECONCILE + run, mapping=facts)

    def end(self, run: Run, phase: Phase, now: Millis) -> bool:
        """Mark a run as over, so that another may begin; False: it ended in the other way first."""
        return bool(
            self._scripts.end_reconcile(
                [keys.RECONCILE + run.id, keys.RECONCILING], [run.id, phase, now]
            )
        )

    def unseen(self, run: str, company_ids: Sequence[str]) -> list[str]:
        """Return those of the companies that the run has not seen."""
        if not company_ids:
            return []
        scores = self._client.zmscore(keys.RECONCILE_SEEN + run, list(company_ids))
        return [one for one, score in zip(company_ids, scores, strict=True) if score is None]

    def gone(self, run: str, limit: int) -> dict[str, int]:
        """Return companies that Codat did not know, with when it said so, not logged yet."""
        found = self._client.zrangebyscore(
            keys.RECONCILE_SEEN + run, "(0", "+inf", start=0, num=limit, withscores=True
        )
        return {company.decode(): int(at) for company, at in found}

    def get(self, run: str) -> Run | None:
        """Return one run, or None."""
        held = {k.decode(): v for k, v in self._client.hgetall(keys.RECONCILE + run).items()}
        if "phase" not in held:
            return None
        figures = {k: int(v) for k, v in held.items() if k not in TEXTS}
        return Run(
            id=run,
            cause=held["cause"].decode(),
            started=figures.pop("started"),
            phase=Phase(held["phase"].decode()),
            position=held["position"].decode(),
            chosen=tuple(orjson.loads(held["chosen"])),
            total=figures.pop("total") or None,
            finished=figures.pop("finished", None),
            accepts_deletions=bool(figures.pop("accept_deletions", 0)),
            figures=figures,
        )

    def any(self) -> bool:
        """Report whether there ever was one."""
        return bool(self._client.zcard(keys.RECONCILES))

    def latest(self, limit: int = 20) -> list[Run]:
        """Return the latest runs, newest first."""
        ids = self._client.zrevrange(keys.RECONCILES, 0, limit - 1)
        runs = (self.get(one.decode()) for one in ids)
        return [run for run in runs if run is not None]


def position_of(tails: Mapping[int, str]) -> str:
    """Write down up to which message of which lanes a run waits."""
    return orjson.dumps(list(tails.items())).decode()
