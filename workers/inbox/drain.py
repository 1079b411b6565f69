"""Drain lanes: read what came in, fold it in pure code, commit it whole, until all is applied."""

import time
from collections.abc import Sequence
from dataclasses import replace

import orjson
import structlog

from relay.companies.company import Company
from relay.events.catalogue import identity
from relay.inbox.message import Message
from relay.inbox.replay_filter import Tally, redacted_reason
from relay.store.inbox.lanes import Batch, DeadLetter, Lease
from relay.store.intents.queue import NewIntent
from relay.times import Millis
from workers.context import Context, current
from workers.inbox.fold import Folded, fold
from workers.inbox.routing import handler_for

UNKNOWN = "unknown"
BATCH = 500  # messages per commit
LEASE_MS = Millis(5_000)  # how long a killed worker keeps its lane from others
HAND_ON_AFTER = 1.0  # seconds in one job, so that no lane starves behind a busy one

log = structlog.get_logger(__name__)


def drain(_lane: int) -> None:
    """The job: drain what waits for about a second, whichever lane it was sent for.

    One hint stands for all lanes, so the lane it names has no right to be the first.
    """
    drain_lanes(current())


def drain_lanes(context: Context) -> int:
    """Drain waiting lanes, the longest waiting first; return how many messages were applied."""
    until = time.monotonic() + HAND_ON_AFTER
    applied = 0
    lease = context.store.inbox.claim(None, LEASE_MS)
    while lease is not None:
        applied += _drain_lane(context, lease, until)
        if time.monotonic() > until:
            context.hints.drain(lease.lane)  # it, or others, may wait; no other hint need be there
            break
        lease = context.store.inbox.claim(None, LEASE_MS)
    return applied


def _drain_lane(context: Context, lease: Lease, until: float) -> int:
    inbox = context.store.inbox
    cursor, applied, is_left = lease.cursor, 0, False
    while True:
        messages = inbox.read(lease, cursor, BATCH)
        if not messages:
            if inbox.release(lease, unread=is_left):
                return applied
            # One came in between. If none can be read now either, the server's cursor is not ours:
            # it took over from one on which we committed. What is left there is claimed again.
            is_left = True
            continue
        now = context.store.now_ms()  # limits and claims go by the server's clock
        batch = fold_all(context, messages, lease.lane, now)
        last = messages[-1]
        committed = inbox.commit(lease, cursor, last, batch, now=now, lease_ms=LEASE_MS)
        if committed is None:
            log.info("lane.lost", lane=lease.lane)  # another has it, worker or server
            return applied
        cursor, applied, is_left = last.entry, applied + len(messages), False
        log.debug("lane.committed", lane=lease.lane, messages=len(messages))
        if committed.intents and context.store.intents.may_hint():
            context.hints.perform()
        if batch.events and context.store.subscriptions.may_hint():
            context.hints.deliver()
        if time.monotonic() > until:
            inbox.release(lease, unread=True)
            return applied


def fold_all(context: Context, messages: Sequence[Message], lane: int, now: Millis) -> Batch:
    """Fold a run of one lane's messages, in order; one that raises becomes a dead letter."""
    ids = {m.company_id for m in messages if m.company_id}
    companies = context.store.companies.get_many(ids)
    batch = Batch()
    hidden = frozenset(context.settings.relay_redact_fields)
    changed: dict[str, Company] = {}
    needs: dict[str, NewIntent] = {}
    logged = _logged_before(context, messages)
    source = context.settings.relay_webhook_source
    for message in messages:
        if source and message.kind == "action":
            message = replace(message, source=source)  # noqa: PLW2901
        company_id = message.company_id or ""
        try:
            before = logged.setdefault((company_id, message.message_id), set())
            folded = fold(
                companies.get(company_id),
                message,
                now=now,
                placeholders=context.placeholders,
                logged_before=before,
            )
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            log.warning(
                "message.set_aside",
                message_id=message.message_id,
                event_type=message.type,
                company_id=company_id,
                reason=redacted_reason(reason, message.body, hidden),
            )
            batch.dead.append(DeadLetter(message, lane, reason))
            _count(batch, message, Tally(handled=1, dead=1))
            continue
        for one in folded.counted:
            batch.counts[one.run, one.what] += one.more
        if message.kind == "webhook" and not message.replay:
            # Unknown types count together, as there may be any number of them.
            known = message.type if handler_for(message.type) else UNKNOWN
            batch.counts["", f"webhook:{known}"] += 1
            batch.marks["last_webhook"] = message.received
            batch.marks.pop("unheard_since", None)
        if any(event.type == "sync.requested" for event in folded.events):
            batch.marks.setdefault("unheard_since", message.received)
        if message.replay:
            added = len(folded.events)
            _count(batch, message, Tally(handled=1, added=added, already=folded.already))
        if message.replay or message.again:
            before |= {identity(one.type, orjson.loads(one.data)) for one in folded.events}
        if folded.company is not None:
            companies[company_id] = changed[company_id] = folded.company
        batch.events += folded.events
        for need in folded.needs:
            held = needs.get(need.name)
            needs[need.name] = need if held is None else _both(held, need)
        _note_limits(batch, folded)
    batch.needs = list(needs.values())
    batch.states = {company_id: company.to_json() for company_id, company in changed.items()}
    return batch


def _both(one: NewIntent, other: NewIntent) -> NewIntent:
    """Return the more urgent of two requests for one intent, due when the sooner is."""
    first = one if one.priority <= other.priority else other
    return replace(first, due=min(one.due, other.due))


def _note_limits(batch: Batch, folded: Folded) -> None:
    """Keep what Codat said last of its limits, whatever the order of arrival."""
    if folded.limits_dated:
        batch.limits_said = max(batch.limits_said or Millis(0), folded.limits_at)
    if folded.hold_until is not None and folded.limits_at >= batch.limits_at:
        batch.hold_until, batch.quota = folded.hold_until, folded.quota
        batch.limits_at = folded.limits_at


def _logged_before(
    context: Context, messages: Sequence[Message]
) -> dict[tuple[str, str], set[str]]:
    """Return what messages that may come again have caused before, by company and message id."""
    replayed: dict[str, set[str]] = {}
    for message in messages:
        if message.replay or message.again:
            replayed.setdefault(message.company_id or "", set()).add(message.message_id)
    return {
        (company, cause): identities
        for company, causes in replayed.items()
        for cause, identities in context.store.events.caused(company, causes).items()
    }


def _count(batch: Batch, message: Message, tally: Tally) -> None:
    if message.replay:
        batch.replays[message.replay] = batch.replays.get(message.replay, Tally()).plus(tally)
