"""Claim due intents, attempt several at once, and record the result of each."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import structlog
from redis import RedisError

from codat.errors import CodatError
from relay.budget import calling_as, may_be_claimed
from relay.inbox.message import Action
from relay.store.intents.budget import LEASE_MS
from relay.store.intents.queue import Intent
from relay.store.server.durable import NotDurable
from relay.times import Micros, Millis, now_micros
from workers.context import Context, current
from workers.intents.kind import kinds
from workers.intents.retry_policy import (
    AttemptResult,
    NewAction,
    ResultKind,
    after_error,
    after_store_error,
)

JOB_SECONDS = 20.0  # then the rest is left to the next job
POLL_SECONDS = 0.2  # between looks for more due intents while slow calls are under way

FAILURES = (
    ResultKind.GAVE_UP,
    ResultKind.NEEDS_CUSTOMER,
    ResultKind.NOT_SUPPORTED,
    ResultKind.GONE,
)
VERDICTS = {ResultKind.LATER: "later", ResultKind.GAVE_UP: "dead"}

log = structlog.get_logger(__name__)


def perform() -> None:
    """The job: work until no intent is due that may be claimed, for about twenty seconds."""
    context = current()
    perform_due(context)
    now = context.store.now_ms()
    if context.store.intents.any_due(now, may_be_claimed(context.store, now)):
        context.hints.perform()


def perform_due(context: Context) -> int:
    """Claim due intents and attempt several at once; return how many attempts were made."""
    until = time.monotonic() + JOB_SECONDS
    context.store.intents.hint_taken()
    threads = context.settings.relay_worker_threads
    attempts = 0
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="perform") as pool:
        while True:
            claimed = _claim(context, threads - len(running)) if time.monotonic() < until else []
            running |= {pool.submit(perform_one, context, intent) for intent in claimed}
            attempts += len(claimed)
            if not running:
                return attempts
            timeout = POLL_SECONDS if len(running) < threads else None
            done, running = wait(running, timeout, return_when=FIRST_COMPLETED)
            for future in done:
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
    """Make one attempt at an intent and record its result."""
    asked = now_micros()
    result = _attempt(context, intent)
    content = result.action or _action_for(intent, result)
    action = None
    if content is not None:
        action = Action(
            id=f"{intent.name}#{intent.fence}",
            type=content.type,
            company_id=intent.company_id,
            at=Micros(result.at or asked),
            payload=content.payload,
            priority=intent.priority,
        )
    now = context.store.now_ms()
    lane = context.store.inbox.lane_of(intent.company_id)
    recorded, wake = context.store.intents.finish(
        intent,
        VERDICTS.get(result.kind, "done"),
        now=now,
        lane=lane,
        due=Millis(now + int(result.wait * 1000)),
        error=result.error[:500],
        expected=result.expected,
        held=result.held,
        failing_since=result.failing_since,
        refusals=result.refusals,
        priority=result.priority,
        action=action,
    )
    log.info(
        "intent.attempted",
        intent=intent.name,
        company_id=intent.company_id,
        result=result.kind,
        attempt=intent.attempts,
        recorded=recorded,
        **({"error": result.error} if result.error else {}),
    )
    if wake:
        context.hints.drain(lane)


def _attempt(context: Context, intent: Intent) -> AttemptResult:
    kind = kinds().get(intent.kind)
    if kind is None:
        error = f"this worker knows no intents of kind {intent.kind!r}"
        return AttemptResult(ResultKind.GAVE_UP, error=error)
    base = context.settings.relay_retry_seconds
    try:
        with calling_as(intent.priority, intent.name, intent.fence):
            return kind.run(context, intent)
    except CodatError as error:
        return after_error(error, intent, now=context.store.now_ms(), base=base)
    except (RedisError, NotDurable) as error:
        return after_store_error(error, intent, now=context.store.now_ms(), base=base)
    except Exception as error:
        log.exception("intent.failed", intent=intent.name)
        return AttemptResult(ResultKind.GAVE_UP, error=f"{type(error).__name__}: {error}")


def _action_for(intent: Intent, result: AttemptResult) -> NewAction | None:
    """Return what the log must say of a result for which the kind's `run` gave no action."""
    kind = kinds().get(intent.kind)
    if kind is not None and (action := kind.action_for(intent, result)):
        return action
    if result.kind in FAILURES:
        facts = {"intent": intent.name, "ending": result.kind, "reason": result.error}
        return NewAction("relay.intent_given_up", facts)
    return None
