"""When to compare with Codat's own record: daily, after an outage, in a suspicious silence."""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from relay.message import Action
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store
from relay.store.store import OUTAGE_MS
from relay.telling import tell
from relay.times import iso_from_ms

SERVING = ("web", "scheduler")  # without workers nothing is lost: what came in waits in its lane
REMEMBERED_MS = 86_400_000  # how long after an outage it still brings a comparison
MINUTE_MS = 60_000
NEVER = "never"
CHANGED_SERVER = "another server, or the same after a restart"

log = structlog.get_logger(__name__)


@dataclass
class Watch:
    """Begins reconciliations. A run is named by its reason, so of several watches one begins it."""

    settings: Settings
    store: Store
    hints: Hints

    def look(self, now: int) -> str | None:
        """Begin a reconciliation if there is reason to; give its cause. `now` in ms."""
        for found in (self._daily(now), self._outage(now), self._silence(now), self._server()):
            if found and (cause := self._begin(*found, now=now)):
                return cause
        return None

    def _begin(self, run: str, cause: str, *, now: int) -> str | None:
        going, begun = self.store.reconciles.begin(run, cause=cause, now=now)
        if not begun:
            return None
        log.info("reconcile.begun", reconciliation=going, cause=cause)
        if self.store.intents.may_hint():
            self.hints.perform()
        return cause

    def _daily(self, now: int) -> tuple[str, str] | None:
        at = self.settings.relay_reconcile_at
        if at == NEVER or not self.store.companies.count():
            return None
        moment = datetime.fromtimestamp(now / 1000, UTC)
        if f"{moment:%H:%M}" < at:
            return None
        return f"daily-{moment:%Y-%m-%d}", "daily"

    def _outage(self, now: int) -> tuple[str, str] | None:
        """Look who was silent for long; whoever came back last says when the outage was over."""
        if now - self.store.heartbeats().get("web", now) > OUTAGE_MS:
            return None  # webhooks are still refused, so it would come too early
        spans = self.store.silences()
        ended = {spans[kind][1]: kind for kind in SERVING if kind in spans}
        until = max(ended, default=0)
        if now - until > REMEMBERED_MS:
            return None
        return f"outage-{until}", f"after an outage of ours: no {ended[until]} process was alive"

    def _silence(self, now: int) -> tuple[str, str] | None:
        """Codat has told nothing since a sync was requested, for longer than is likely."""
        marks = self.store.inbox.marks()
        asked = marks.get("last_sync_requested", 0)
        heard = marks.get("last_webhook", 0)
        patience = self.settings.relay_silence_minutes * MINUTE_MS
        if not asked or heard >= asked or now - asked < patience:
            return None
        # Its id makes it known once, whichever watch tells it.
        self._tell(
            "relay.codat_silent",
            asked,
            last_webhook=iso_from_ms(heard) if heard else None,
            sync_requested=iso_from_ms(asked),
        )
        return f"silence-{asked}", "Codat was silent while syncs ran"

    def _server(self) -> tuple[str, str] | None:
        run_id = self.store.server_changed()
        return (f"server-{run_id}", CHANGED_SERVER) if run_id else None

    def _tell(self, kind: str, now: int, **facts: object) -> None:
        action = Action(f"{kind}:{now}", kind, "", now * 1000, facts)
        tell(self.store, self.hints, action)
