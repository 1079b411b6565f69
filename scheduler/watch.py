"""When to compare with Codat's own record: daily, after an outage, in a suspicious silence."""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.settings import Settings
from relay.store import Store
from relay.store.store import OUTAGE_MS
from relay.times import Millis, iso_from_ms, millis_to_micros

SERVING = ("web", "scheduler")  # without workers nothing is lost: what came in waits in its lane
REMEMBERED_MS = 86_400_000  # how long after an outage it still brings a comparison
MINUTE_MS = 60_000
NEVER = "never"
FIRST = "first start: nothing was compared before"
LOST = "the server lost data that was known"
CHANGED_SERVER = "another server, or the same after a restart"

log = structlog.get_logger(__name__)


@dataclass
class Watch:
    """Begins reconciliations. A run is named by its reason, so of several watches one begins it."""

    settings: Settings
    store: Store
    hints: Hints

    def look(self, now: Millis) -> str | None:
        """Begin a reconciliation if there is reason to; give its cause. `now` in ms."""
        found = (
            self._daily(now),
            self._outage(now),
            self._silence(now),
            self._server(),
            self._loss(),
        )
        for reason in found:
            if reason and (cause := self._begin(*reason, now=now)):
                return cause
        return None

    def _begin(self, run: str, cause: str, *, now: Millis) -> str | None:
        going, begun = self.store.reconciles.begin(run, cause=cause, now=now)
        if not begun:
            return None
        log.info("reconcile.begun", reconciliation=going, cause=cause)
        if self.store.intents.may_hint():
            self.hints.perform()
        return cause

    def _daily(self, now: Millis) -> tuple[str, str] | None:
        """Once a day; the first day's as soon as we start, to know the companies there are."""
        at = self.settings.relay_reconcile_at
        if at == NEVER:
            return None
        moment = datetime.fromtimestamp(now / 1000, UTC)
        is_first = not self.store.reconciles.any()
        if f"{moment:%H:%M}" < at and not is_first:
            return None
        return f"daily-{moment:%Y-%m-%d}", FIRST if is_first else "daily"

    def _outage(self, now: int) -> tuple[str, str] | None:
        """Find processes that were silent for long; the last to return ended the outage."""
        if now - self.store.heartbeats().get("web", now) > OUTAGE_MS:
            return None  # webhooks are still refused, so it would come too early
        spans = self.store.silences()
        ended = {spans[kind][1]: kind for kind in SERVING if kind in spans}
        until = max(ended, default=0)
        if now - until > REMEMBERED_MS:
            return None
        return f"outage-{until}", f"after an outage of ours: no {ended[until]} process was alive"

    def _silence(self, now: int) -> tuple[str, str] | None:
        """Codat has sent nothing since a sync was requested, for longer than is likely.

        That is the first one since its last webhook: others may have followed every few minutes.
        """
        marks = self.store.inbox.marks()
        asked = marks.get("unheard_since")
        heard = marks.get("last_webhook", Millis(0))
        patience = self.settings.relay_silence_minutes * MINUTE_MS
        if not asked or heard >= asked or now - asked < patience:
            return None
        # Its id makes it known once, whichever watch logs it.
        self._tell(
            "relay.codat_silent",
            asked,
            last_webhook=iso_from_ms(heard) if heard else None,
            sync_requested=iso_from_ms(asked),
        )
        return f"silence-{asked}", "Codat was silent while syncs ran"

    def _server(self) -> tuple[str, str] | None:
        """Another server than the one last met, which is remembered once its run has begun."""
        change = self.store.server_changed()
        if change is None:
            return None
        run = f"server-{change}"
        if self.store.reconciles.get(run):
            self.store.meet_server(change)
            return None
        return run, CHANGED_SERVER

    def _loss(self) -> tuple[str, str] | None:
        """Data was found missing: a run of its own, also where none is begun daily."""
        found = self.store.loss()
        return (f"loss-{found[0]}", LOST) if found else None

    def _tell(self, kind: str, now: Millis, **facts: object) -> None:
        action = Action(f"{kind}:{now}", kind, "", millis_to_micros(now), facts)
        enqueue_action(self.store, self.hints, action)
