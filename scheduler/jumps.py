"""Log that the server's clock, by which all processes go, was moved."""

import structlog

from relay.clocks import Reading
from relay.inbox.message import Action
from relay.queues import Hints
from relay.services.enqueue_action import enqueue_action
from relay.store import Store
from relay.times import Micros

log = structlog.get_logger(__name__)


def tell_jump(store: Store, hints: Hints, read: Reading, seconds: float) -> None:
    """Put a jump of the server's clock into the event log.

    Every scheduler notices it; what they report within a minute is logged once.
    """
    log.error("clock.jumped", seconds=round(seconds))
    name = f"clock:{round(seconds / 10)}:{int(read.server) // 60}"
    facts = {"seconds": round(seconds, 1)}
    at = int(read.server * 1_000_000)
    enqueue_action(store, hints, Action(name, "relay.clock_jumped", "", Micros(at), facts))
