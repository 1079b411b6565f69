"""Do what is due at Codat: claim intents, work on several at once, record how each ended."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import structlog
from redis import RedisError

from codat.errors import CodatError
from relay.budget import may_be_claimed, speaking_for
from relay.inbox.message import Action
from relay.store.intents.budget import LEASE_MS
from relay.store.intents.queue import Intent
from relay.store.server.durable import NotDurable
from relay.times import now_micros, now_ms
from workers.context import Context, current
from workers.intents.kinds import (
    cadence,
    data,
    drop,
    fresh,
    info,
    name,
    platforms,
    reconcile,
    reread,
    sync,
    track,
)
from workers.intents.retry_policy import Ended, Ending, Told, after_error, after_store_error

HAND_ON_AFTER = 20.0  # seconds in one job
LOOK_EVERY = 0.2  # seconds between looks for more to do while slow calls are under way

Doing = Callable[[Context, Intent], Ended]
KINDS: dict[str, Doing] = {
    "info": info.do,
    "name": name.do,
    "reread": reread.do,
    "drop": drop.do,
    "sync": sync.do,
    "cadence": cadence.do,
    "reconcile": reconcile.do,
    "track": track.do,
    "fresh": fresh.do,
    "data": data.do,
    "platforms": platforms.do,
}
VERDICTS = {Ending.LATER: "later", Ending.GAVE_UP: "dead"}

log = structlog.get_logger(__name__)


def perform() -> None:
    """The job: work until nothing is due that may be done, for about twenty seconds."""
    context = current()
    perform_due(context)
    now = context.store.now_ms()
    if context.store.intents.any_due(now, may_be_claimed(context.store, now)):
        context.hints.perform()


def perform_due(context: Context) -> int:
    """Claim and attempt what is due, several at once; give how many attempts were made."""
    until = time.monotonic() + HAND_ON_AFTER
    context.store.intents.hint_taken()
    at_once = context.settings.relay_worker_threads
    attempts = 0
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(at_once, thread_name_prefix="perform") as pool:
        while True:
            claimed = _claim(context, at_once - len(running)) if time.monotonic() < until else []
            running |= {pool.submit(perform_one, context, intent) for intent in claimed}
            attempts += len(claimed)
            if not running:
                return attempts
            patience = LOOK_EVERY if len(running) < at_once else None
            ended, running = wait(running, patience, return_when=FIRST_COMPLETED)
            for future in ended:
                future.result()


def _claim(context: Context, limit: int) -> list[Intent]:
    now = context.store.now_ms()
    return context.store.intents.claim(
        now=now,
        lease_ms=LEASE_MS,
        limit=limit,
        priorities=may_be_claimed(context.store, now),
    )


def perform_one(context: Context, intent: Intent) -> None:
    """Make one attempt at an intent and record how it ended."""
    asked = now_micros()
    ended = _attempt(context, intent)
    told = ended.told or _told_anyway(intent, ended)
    action = None
    if told is not None:
        action = Action(
            id=f"{intent.name}#{intent.fence}",
            type=told.type,
            company_id=intent.company_id,
            at=ended.at or asked,
            payload=told.payload,
            priority=intent.priority,
        )
    now = context.store.now_ms()
    lane = context.store.inbox.lane_of(intent.company_id)
    recorded, wake = context.store.intents.finish(
        intent,
        VERDICTS.get(ended.ending, "done"),
        now=now,
        lane=lane,
        due=now + int(ended.wait * 1000),
        error=ended.error[:500],
        expected=ended.expected,
        held=ended.held,
        failing_since=ended.failing_since,
        refusals=ended.refusals,
        priority=ended.priority,
        told=action,
    )
    log.info(
        "intent.ended",
        intent=intent.name,
        company_id=intent.company_id,
        ending=ended.ending,
        attempt=intent.attempts,
        recorded=recorded,
        **({"error": ended.error} if ended.error else {}),
    )
    if wake:
        context.hints.drain(lane)


def _attempt(context: Context, intent: Intent) -> Ended:
    doing = KINDS.get(intent.kind)
    if doing is None:
        return Ended(Ending.GAVE_UP, error=f"nobody here can do {intent.kind!r}")
    base = context.settings.relay_retry_seconds
    try:
        with speaking_for(intent.priority, intent.name, intent.fence):
            return doing(context, intent)
    except CodatError as error:
        return after_error(error, intent, now=now_ms(), base=base)
    except (RedisError, NotDurable) as error:
        return after_store_error(error, intent, now=now_ms(), base=base)
    except Exception as error:
        log.exception("intent.failed", intent=intent.name)
        return Ended(Ending.GAVE_UP, error=f"{type(error).__name__}: {error}")


def _told_anyway(intent: Intent, ended: Ended) -> Told | None:
    """Give what the log must hear of an ending that the kind itself did not tell."""
    if intent.kind == "sync" and ended.ending is Ending.IN_PROGRESS:
        facts = {"operation_id": None, "note": "a sync was running already", "running": True}
        return Told("relay.sync_requested", intent.args | facts)
    if intent.kind == "sync" and ended.ending not in (Ending.DONE, Ending.LATER):
        return Told("relay.sync_missed", intent.args | {"reason": ended.error or ended.ending})
    if ended.ending in (Ending.GAVE_UP, Ending.NEEDS_CUSTOMER, Ending.NOT_SUPPORTED, Ending.GONE):
        facts = {"intent": intent.name, "ending": ended.ending, "reason": ended.error}
        return Told("relay.intent_given_up", facts)
    return None
