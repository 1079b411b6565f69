"""Read Codat's integrations anew, what is read of them, and which client our key is of."""

import structlog

from codat.errors import BadAnswer, BadRequest, Forbidden, NotFound
from relay.store.intents.queue import Intent
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, ResultKind

log = structlog.get_logger(__name__)


def run(context: Context, intent: Intent) -> AttemptResult:
    """Keep all of them, enabled or not; a list that breaks off replaces nothing."""
    found = [one.raw for one in context.codat.list_integrations()]
    context.store.platforms.keep(found, context.store.now_ms())
    try:
        profile = context.codat.get_profile_sync_settings()
    except (BadAnswer, BadRequest, Forbidden, NotFound) as error:
        # Customers are then told of all that could be read, which is never too little.
        log.info("sync_settings.not_read", error=str(error)[:200])
        return AttemptResult(ResultKind.DONE)
    read = [one.data_type for one in profile.settings if one.on_first_link or one.hours]
    context.store.platforms.keep_read_by_codat(read)
    if profile.client_id:
        context.store.platforms.keep_client_id(context.settings.key_mark, profile.client_id)
    return AttemptResult(ResultKind.DONE)
