"""Fold one message into its company: the handler's outcome, and an event for each change."""

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
from relay.store.intents.names import intent_name
from relay.store.intents.queue import NewIntent, Priority
from relay.times import Micros, Millis, micros_to_millis, millis_to_micros
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
    hold_until: Millis | None
    quota: Quota | None = None
    limits_at: Millis = Millis(0)  # when Codat said what these two hold, else when we heard of it
    limits_dated: bool = False  # whether Codat said when, also where it was too long ago to count
    counted: tuple[Counted, ...] = ()
    already: bool = False  # a replay of which nothing was missing


def fold(
    held: Company | None,
    message: Message,
    *,
    now: int,
    placeholders: re.Pattern[str] | None = None,
    logged_before: Collection[str] = (),
) -> Folded:
    """Apply a message to the company as held; raises what the handler or the parser raises.

    `now` is in ms since the epoch. A company that we do not hold begins blank, and is kept only if
    the message holds facts of it: hints alone do not make one.

    A replay adds what is missing. Of the events it leads to, `logged_before` names those in the
    log (by `catalogue.identity`). Where none is missing and nothing changes, it does nothing.
    The same goes for a message that may have been handled before (`again`), if one of its events
    is in the log. If none is, it counts as new: handling it twice is harmless.
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
        # Without a company it would be lost. As a dead letter it is kept, and an operator sees it.
        raise Malformed(NOBODY)
    if message.replay or (message.again and logged_before):
        logged = [one for one in logged if _is_missing(one, logged_before)]
        if not logged and after == before:
            return Folded(None, [], [], None, already=True)
    if keep and message.kind == "webhook" and not message.replay:
        after = fast_replace(after, last_webhook=max(after.last_webhook, message.received))
    # What Codat said of its limits long ago says nothing of now, when they may be reached again.
    sent_at = _sent_at(event)
    said = message.received if sent_at is None else sent_at
    speaks_of_now = not message.replay and (outcome.hold_until != 0 or now - said <= LATE)
    return Folded(
        company=after if keep else None,
        events=[_status_event(one, message, event) for one in logged],
        needs=[
            NewIntent(
                name=intent_name(wanted.kind, after.id),
                company_id=after.id,
                priority=_priority(wanted, message),
                due=Millis(now + wanted.delay),
                cause=message.message_id,
            )
            for wanted in _wanted(outcome, seen, before, recognised=recognised, wrong=wrong)
            if after.id
        ],
        hold_until=outcome.hold_until if speaks_of_now else None,
        quota=outcome.quota if speaks_of_now else None,
        limits_at=said,
        limits_dated=sent_at is not None and outcome.hold_until is not None and not message.replay,
        counted=outcome.counted,
    )


def _dated(message: Message) -> Event | Action:
    """Read the message; an event of the future counts as undated.

    Taken at its word, it would make all that truly comes after it stale.
    """
    event = message.read()
    if isinstance(event, Action):
        return event
    heard = millis_to_micros(message.received)
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


def _sent_at(event: Event | Action) -> Millis | None:
    """Return when Codat sent it, in ms; rule webhooks of the older service do not say."""
    sent = None if isinstance(event, Action) else event.generated
    return None if sent is None else micros_to_millis(sent)


def _is_missing(logged: NewEvent, logged_before: Collection[str]) -> bool:
    return (
        logged.type != "webhook.stale" and identity(logged.type, logged.data) not in logged_before
    )


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
    """Return the events of the change itself, then those that the handler logged."""
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
    # The handlers in `names` log the end of a placeholder: they know who ended it.
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
        time=Micros(message.received * 1000 if at is None else at),
        cause=message.message_id,
        data=hidden_json(orjson.dumps(dated(logged.type, logged.data))),
    )
