"""Fold one message into its company: the handler's outcome, and what every change is told as."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import orjson

from codat.capabilities import hidden_json
from codat.statuses import ConnectionStatus
from codat.webhook import Event, Malformed, Quota
from relay.companies.company import Company, CompanyStatus, Connection, NameSource, version_of
from relay.events.catalogue import dated, identity
from relay.fast_replace import fast_replace
from relay.inbox.message import Action, Message
from relay.store.inbox import lanes
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Micros
from workers.inbox.outcome import Counted, IntentRequest, NewEvent, Outcome
from workers.inbox.routing import handler_for
from workers.intents.kind import kinds

LATE = 600_000  # ms after which a lifted limit may have been reached again
AHEAD = 600_000_000  # microseconds after its receipt at which nothing can have happened
NOBODY = "it is about a company and names none whose id can be read"


class NoHandler(Exception):
    """An action of ours that no handler takes: a message of another version."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What one message came to. `company` is None when nothing is to be kept of it."""

    company: Company | None
    events: list[lanes.Event]
    needs: list[NewIntent]
    hold_until: int | None
    quota: Quota | None = None
    limits_at: int = 0  # ms: when Codat said what these two hold, else when we heard of it
    limits_dated: bool = False  # whether Codat said when, also where it was too long ago to count
    counted: tuple[Counted, ...] = ()
    already: bool = False  # a replay of which nothing was missing


def fold(
    held: Company | None,
    message: Message,
    *,
    now: int,
    placeholders: re.Pattern[str] | None = None,
    told: Collection[str] = (),
) -> Folded:
    """Apply a message to the company as held; raises what the handler or the parser raises.

    `now` is in ms since the epoch. A company that we do not hold begins blank, and is kept only if
    the message tells something of it: hints alone do not make one.

    A replay adds what is missing: of the events it comes to, those that `told` holds (by
    `catalogue.book.identity`) stand in the log already, and where nothing is missing and nothing
    changes, nothing is left to be done either. So does what may have been handled before (`again`),
    where `told` shows that it was. Where nothing does, as of a hint, it counts as new: what it
    leads to is harmless twice, and nothing else would tell of it.
    """
    event = _dated(message)
    latest = max(now, message.received) * 1000 + AHEAD
    wrong = held is not None and held.latest > latest
    before = held or Company(
        id=message.company_id or "", source=message.source, first_seen=message.received
    )
    if wrong:  # of a time when the server's clock was ahead: what comes now would count as older
        before = before.without_versions_after(latest)
    seen = _seen(before, event).recognise_placeholder(placeholders)
    outcome = _handle(seen, event)
    after = outcome.company.recognise_placeholder(placeholders)
    recognised = after is not outcome.company or seen.placeholder != before.placeholder
    keep = bool(after.id) and (held is not None or after != before)
    logged = list(_logged(held, before, after, outcome, event, keep=keep))
    nobody = isinstance(event, Event) and not after.id
    if nobody and (after != before or outcome.requests or not logged):
        # Told of nobody it would be lost: as a dead letter it is kept, and an operator hears of it.
        raise Malformed(NOBODY)
    if message.replay or (message.again and told):
        logged = [one for one in logged if _is_missing(one, told)]
        if not logged and after == before:
            return Folded(None, [], [], None, already=True)
    if keep and message.kind == "webhook" and not message.replay:
        after = fast_replace(after, last_webhook=max(after.last_webhook, message.received))
    # What Codat said of its limits long ago says nothing of now, when they may be reached again.
    told_at = _told_at(event)
    said = message.received if told_at is None else told_at
    speaks_of_now = not message.replay and (outcome.hold_until != 0 or now - said <= LATE)
    return Folded(
        company=after if keep else None,
        events=[_status_event(one, message, event) for one in logged],
        needs=[
            NewIntent(
                name=f"{wanted.kind}:{after.id}",
                company_id=after.id,
                priority=_priority(wanted, message),
                due=now + wanted.delay,
                cause=message.message_id,
            )
            for wanted in _wanted(outcome, seen, before, recognised=recognised, wrong=wrong)
            if after.id
        ],
        hold_until=outcome.hold_until if speaks_of_now else None,
        quota=outcome.quota if speaks_of_now else None,
        limits_at=said,
        limits_dated=told_at is not None and outcome.hold_until is not None and not message.replay,
        counted=outcome.counted,
    )


def _dated(message: Message) -> Event | Action:
    """Read the message; an event of the future counts as undated.

    Taken at its word, it would make all that truly comes after it stale.
    """
    event = message.read()
    if isinstance(event, Action):
        return event
    heard = Micros(message.received * 1000)
    ahead = event.generated is not None and event.generated - heard > AHEAD
    return fast_replace(event, heard=heard, generated=None if ahead else event.generated)


def _priority(request: IntentRequest, message: Message) -> Priority:
    """Return how urgent it is: at most as urgent as the work that the message came of.

    Calls are reserved for customers who link. What a comparison or a replay leads to is never
    urgent, not even a link.
    """
    kind = kinds()[request.kind]
    if kind.is_local:
        return Priority.LOCAL
    of = Priority.SCHEDULED if message.priority is None else Priority(message.priority)
    if message.replay or of >= Priority.RECONCILE:
        return Priority.RECONCILE
    if request.link:
        return Priority.LINK
    if kind.in_background and of is Priority.LINK:
        return Priority.NOW
    if of is not Priority.SCHEDULED:
        return of
    # SCHEDULED itself is for syncs alone, as a pause of everything holds that priority back. Work
    # in the background comes last: there is some for each sync, and a webhook makes most needless.
    return Priority.RECONCILE if kind.in_background else Priority.NOW


def _told_at(event: Event | Action) -> int | None:
    """Give when Codat told of it, in ms; rule webhooks of the older service do not say."""
    told = None if isinstance(event, Action) else event.generated
    return None if told is None else told // 1000


def _is_missing(logged: NewEvent, told: Collection[str]) -> bool:
    return logged.type != "webhook.stale" and identity(logged.type, logged.data) not in told


def _seen(before: Company, event: Event | Action) -> Company:
    """Take over the name that every dated event of today carries, whatever it is about."""
    if isinstance(event, Action) or event.is_legacy:
        return before
    version, shown = version_of(event), event.company
    if version is None or shown is None:
        return before
    named = before.named(shown.name, version)
    return named.tagged(shown.tags, version) if isinstance(shown.raw.get("tags"), dict) else named


def _handle(company: Company, event: Event | Action) -> Outcome:
    handler = handler_for(event.type)
    if handler is not None:
        return handler(company, event)
    if isinstance(event, Action):
        raise NoHandler(event.type)
    return Outcome(company).log("webhook.unknown_type", event_type=event.sent_type)


def _logged(
    held: Company | None,
    before: Company,
    after: Company,
    outcome: Outcome,
    event: Event | Action,
    *,
    keep: bool,
) -> Iterator[NewEvent]:
    """Give what the handler logged and what the change itself says, the change first."""
    if keep and held is None:
        yield NewEvent("company.created", {"name": after.name, "status": after.status})
    if after is not before:
        yield from _changes(before, after)
    yield from outcome.events
    if outcome.stale:
        yield NewEvent("webhook.stale", {"event_type": event.type, "event_id": event.id})


def _changes(before: Company, after: Company) -> Iterator[NewEvent]:
    if after.connections is not before.connections:
        for connection in after.connections.values():
            old = before.connections.get(connection.id)
            if old is None or old.status != connection.status:
                yield NewEvent(
                    "connection.status_changed",
                    {
                        "connection_id": connection.id,
                        "platform_key": connection.platform_key,
                        "platform_name": connection.platform_name,
                        "source_type": connection.source_type,
                        "previous": old.status if old else None,
                        "current": connection.status,
                        "errors": list(connection.errors),
                    },
                )
                yield from _linked_for_journey(after, connection)
    # What a status is derived from; most webhooks leave it alone.
    moved = after.connections is not before.connections or after.deleted != before.deleted
    if moved and _standing(before) != _standing(after):
        yield NewEvent(
            "company.status_changed",
            {
                "previous": before.status,
                "current": after.status,
                "needs_attention": after.needs_attention,
            },
        )
    # A placeholder's end is told by the handlers in `names`, which know who ended it.
    told_elsewhere = before.name_source is NameSource.PLACEHOLDER or after.given_name == after.name
    if before.name and after.name != before.name and not told_elsewhere:
        yield NewEvent(
            "company.renamed",
            {"previous": before.name, "current": after.name, "source": NameSource.PERSON},
        )


def _standing(company: Company) -> tuple[CompanyStatus, bool]:
    return company.status, company.needs_attention


def _linked_for_journey(company: Company, connection: Connection) -> Iterator[NewEvent]:
    journey = company.awaited.get(connection.id)
    if journey is not None and connection.status == ConnectionStatus.LINKED:
        yield NewEvent(
            "journey.linked",
            {
                "journey": journey,
                "connection_id": connection.id,
                "platform_key": connection.platform_key,
                "platform_name": connection.platform_name,
            },
        )


def _wanted(
    outcome: Outcome, seen: Company, before: Company, *, recognised: bool, wrong: bool
) -> Iterator[IntentRequest]:
    yield from outcome.requests
    if wrong:
        yield IntentRequest("reread")
    # Someone renamed it, perhaps we: the `name` intent finds out who, and says so.
    renamed = before.name_source is NameSource.PLACEHOLDER and seen.name != before.name
    # A name that only now is known for a dummy, where the real one is at hand already.
    late = recognised and outcome.company.info is not None
    if (renamed or late) and all(request.kind != "name" for request in outcome.requests):
        yield IntentRequest("name")


def _status_event(logged: NewEvent, message: Message, event: Event | Action) -> lanes.Event:
    at = event.at if isinstance(event, Action) else event.generated
    subject = message.company_id or ""
    source = f"/codat/{message.source}"
    return lanes.Event(
        type=logged.type,
        source=f"{source}/companies/{subject}" if subject else source,
        subject=subject,
        time=message.received * 1000 if at is None else at,
        cause=message.message_id,
        data=hidden_json(orjson.dumps(dated(logged.type, logged.data))),
    )
