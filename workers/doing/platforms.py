"""Read Codat's integrations anew, for those who choose a platform."""

from relay.store.intents import Intent
from relay.times import now_ms
from workers.context import Context
from workers.endings import Ended, Ending


def do(context: Context, intent: Intent) -> Ended:
    """Keep all of them, enabled or not; a list that breaks off replaces nothing."""
    found = [one.raw for one in context.codat.list_integrations()]
    context.store.platforms.keep(found, now_ms())
    return Ended(Ending.DONE)
