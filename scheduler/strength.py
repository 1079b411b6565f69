"""Log that the server could lose what it acknowledges, and that it is mended.

While it takes no writes nothing can be logged: what was found is logged in order once it does.
Any number of schedulers find the same, each a moment apart; a change is known by its number.
"""

from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.store import Store
from relay.times import Millis, millis_to_micros

MAX_UNLOGGED = 100  # changes not logged yet; the oldest are dropped first

log = structlog.get_logger(__name__)


@dataclass
class Strength:
    """What one scheduler has found of the server, and what is still to be logged of it."""

    store: Store
    hints: Hints
    untold: list[tuple[Millis, dict[str, str]]] = field(default_factory=list)  # ms, faults then
    _found: frozenset[str] | None = None

    def look(self) -> None:
        """Check the server, and log what changed; raises redis.RedisError or NotDurable."""
        faults = dict(self.store.guard.faults())
        if frozenset(faults) != self._found and (faults or self._found is not None):
            self.untold = [*self.untold, (self.store.now_ms(), faults)][-MAX_UNLOGGED:]
        if self._found is None:  # what another scheduler logged before we began may be over
            held = self.store.weakening()
            if held.risks and not faults:
                self.untold.append((self.store.now_ms(), {}))
        self._found = frozenset(faults)
        while self.untold:
            if not self._tell(*self.untold[0]):
                return
            self.untold.pop(0)

    def _tell(self, at: int, faults: dict[str, str]) -> bool:
        """Log one change unless it is logged already; False when the server takes no writes."""
        held = self.store.weakening()
        risks = tuple(sorted(faults))
        if at <= held.at or risks == held.risks:
            return True
        kind = "relay.server_weakened" if faults else "relay.server_mended"
        facts = {"risks": list(risks or held.risks), "faults": list(faults.values())}
        action = Action(f"server:{held.number + 1}", kind, "", millis_to_micros(Millis(at)), facts)
        try:
            enqueue_action(self.store, self.hints, action, anyway=True)
            self.store.note_weakening(held.number + 1, Millis(at), risks)
        except RedisError as error:
            log.warning("server.untold", error=str(error)[:200])
            return False
        return True
