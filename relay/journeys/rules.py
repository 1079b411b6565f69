"""The rules that move a journey: each takes the record, and returns its change or None.

None means that the journey stays as it is: the act does not fit where it stands, or was done
before. All times are in ms since the epoch.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from relay.companies.identity import Identity
from relay.journeys.history import MAX_ENTRIES, EntryType, HistoryEntry
from relay.journeys.journey import ENDED, Consent, Journey, Platform, Step

MAX_DROPPED = 20
# Entries that settle whether the company is the right one, for the link then made.
JUDGEMENTS = (EntryType.AUTHORISING, EntryType.MISMATCH, EntryType.MISMATCH_ACCEPTED)


@dataclass(frozen=True, slots=True)
class Change:
    """A journey as it now is, and the events to publish about it: types and their data."""

    journey: Journey
    events: tuple[tuple[str, dict[str, Any]], ...] = ()


def start(journey: Journey) -> Change:
    """Begin a journey."""
    return _change(
        journey,
        journey.created,
        EntryType.STARTED,
        reference=journey.reference,
        expires=journey.expires,
        by=journey.by,
        reconnects=journey.reconnects,
    )


def open_link(journey: Journey, now: int) -> Change | None:
    """Record that the customer opened the link for the first time."""
    if journey.step is not Step.STARTED:
        return None
    step = Step.PLATFORM_CHOSEN if journey.platform else Step.OPENED
    return _change(replace(journey, step=step), now, EntryType.OPENED)


def choose_platform(journey: Journey, platform: Platform, now: int) -> Change | None:
    """Take the platform that the customer chose; a finished journey stays as it is."""
    if journey.step in (Step.CONFIRMED, Step.MISMATCH):
        return None
    if journey.has_no_choice or journey.is_unlinking:
        return None
    if journey.platform is not None and journey.platform.key != platform.key:
        journey = _drop_connection(journey)
    after = replace(journey, platform=platform, step=Step.PLATFORM_CHOSEN, connection_id=None)
    return _change(after, now, EntryType.PLATFORM_CHOSEN, detail=platform.name)


def leave_platform(journey: Journey, now: int) -> Change | None:
    """Go back to the choice of platform."""
    if journey.platform is None or journey.has_no_choice or journey.step is Step.CONFIRMED:
        return None
    if journey.is_unlinking:
        return None
    name = journey.platform.name
    change = _change(_drop_connection(journey), now, EntryType.PLATFORM_LEFT, detail=name)
    after = replace(change.journey, platform=None, step=Step.OPENED, connection_id=None, sent=0)
    return Change(after, change.events)


def note_not_listed(journey: Journey, sought: str, now: int) -> Change:
    """Record what the customer looked for and did not find."""
    return _change(journey, now, EntryType.PLATFORM_NOT_LISTED, detail=sought, sought=sought)


def note_code_shown(journey: Journey, now: int) -> Change:
    """Record that the customer was shown a code to go on at another computer."""
    return _change(journey, now, EntryType.CODE_SHOWN)


def record_consent(journey: Journey, consent: Consent) -> Change | None:
    """Record what the customer agreed to for the platform chosen."""
    if journey.platform is None or journey.step in (Step.CONFIRMED, Step.MISMATCH):
        return None
    if journey.consent is not None:
        return None  # another click was quicker
    after = replace(journey, consents=(*journey.consents, consent), step=Step.CONSENTED)
    return _change(
        after,
        consent.at,
        EntryType.CONSENTED,
        detail=consent.text_version,
        text_version=consent.text_version,
        language=consent.language,
        data_types=list(consent.data_types),
        cadence=consent.cadence,
    )


def send_to_codat(
    journey: Journey,
    connection_id: str,
    now: int,
    *,
    is_linked: bool,
    reads: int = 0,
    is_new: bool = False,
) -> Change | None:
    """Record that the customer goes to Codat now, or need not, as the connection `is_linked`.

    `reads` is how often Codat has read the company's info before. `is_new`: the connection was
    created for this. Nobody is sent before the wrong company is unlinked.
    """
    if journey.consent is None or journey.step is Step.CONFIRMED or journey.is_unlinking:
        return None
    if is_linked and connection_id == journey.connection_id:
        return None  # this journey linked it since the customer was last sent: nothing new
    if is_linked and connection_id in (journey.created_connection, *journey.dropped_connections):
        return _return_to(journey, connection_id, now)
    after = replace(
        journey,
        step=Step.AUTHORISING,
        connection_id=connection_id,
        sent=now,
        reads_before=reads,
        was_linked_already=is_linked,
        created_connection=connection_id if is_new else journey.created_connection,
    )
    change = _change(after, now, EntryType.AUTHORISING, connection_id=connection_id)
    if not is_linked:
        return change
    linked = _change(
        change.journey, now, EntryType.LINKED, connection_id=connection_id, already=True
    )
    return Change(linked.journey, change.events + linked.events)


def _return_to(journey: Journey, connection_id: str, now: int) -> Change:
    """Go on with a connection that this journey created and linked, and its customer dropped.

    It was linked after they were sent for it, so it counts from that time.
    """
    key = journey.platform.key if journey.platform else ""
    wanted = (EntryType.AUTHORISING, key)
    times = [entry.at for entry in journey.history if (entry.type, entry.platform_key) == wanted]
    dropped = journey.dropped_connections
    after = replace(
        journey,
        step=Step.AUTHORISING,
        connection_id=connection_id,
        sent=max(times, default=journey.created),
        was_linked_already=False,
        created_connection=connection_id,
        dropped_connections=tuple(one for one in dropped if one != connection_id),
    )
    return _change(after, now, EntryType.AUTHORISING, connection_id=connection_id)


def decline(journey: Journey, stage: str, reason: str, now: int) -> Change | None:
    """Record that the customer said "not now", and why; their link goes on working."""
    last = journey.history[-1] if journey.history else None
    if last and (last.type, last.detail) == (EntryType.LEFT, reason):
        return None  # sent twice
    return _change(journey, now, EntryType.LEFT, detail=reason, stage=stage, reason=reason or None)


def confirm_company(journey: Journey, found: Identity, now: int) -> Change | None:
    """Record that the customer confirmed the company, as it was shown to them."""
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH) or journey.is_unlinking:
        return None
    return _change(
        replace(journey, step=Step.CONFIRMED),
        now,
        EntryType.CONFIRMED,
        connection_id=journey.connection_id,
        company=asdict(found),
        shown=found.mark(journey.connection_id),
    )


def stop_at_mismatch(
    journey: Journey, expected: Identity, found: Identity, now: int
) -> Change | None:
    """Stop the journey: what was linked is another company than before."""
    if journey.step is not Step.AUTHORISING or is_accepted(journey, found):
        return None
    return _change(
        replace(journey, step=Step.MISMATCH),
        now,
        EntryType.MISMATCH,
        connection_id=journey.connection_id,
        expected=asdict(expected),
        found=asdict(found),
    )


def accept_mismatch(
    journey: Journey, expected: Identity, found: Identity, by: str, now: int
) -> Change | None:
    """Record that the firm accepts the other company as the right one; safe to send twice."""
    if journey.connection_id is None or journey.step is Step.CONFIRMED or journey.is_unlinking:
        return None
    if is_accepted(journey, found):
        return None
    fingerprint = _fingerprint(found)
    return _change(
        replace(journey, step=Step.AUTHORISING),
        now,
        EntryType.MISMATCH_ACCEPTED,
        detail=by,
        code=fingerprint,
        connection_id=journey.connection_id,
        expected=asdict(expected),
        found=asdict(found),
        by=by,
        identity_mark=fingerprint,
    )


def is_accepted(journey: Journey, found: Identity | None = None) -> bool:
    """Whether the firm accepted the company that is linked now, and as `found` if given.

    After an acceptance the books can name yet another company, which was not accepted.
    """
    last = journey.last(*JUDGEMENTS)
    if last is None or last.type != EntryType.MISMATCH_ACCEPTED:
        return False
    return found is None or last.code == _fingerprint(found)


def begin_unlinking(journey: Journey) -> Change | None:
    """Record that the customer called it the wrong company, before it is unlinked at Codat.

    From then on it cannot be confirmed. A customer cannot unlink what was linked before the
    journey.
    """
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH) or journey.was_linked_already:
        return None
    return None if journey.is_unlinking else Change(replace(journey, is_unlinking=True))


def restart(journey: Journey, found: Identity, now: int) -> Change | None:
    """Start again after a wrong company: it is unlinked, or was linked before the journey.

    The latter stays linked, for the firm to judge.
    """
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH):
        return None
    if not journey.is_unlinking and not journey.was_linked_already:
        return None
    change = _change(
        journey,
        now,
        EntryType.WRONG_COMPANY,
        connection_id=journey.connection_id,
        company=asdict(found),
        still_linked=journey.was_linked_already,
    )
    unlinked = journey.unlinked_connections
    if journey.connection_id is not None and not journey.was_linked_already:
        unlinked = (*unlinked, journey.connection_id)
    after = replace(
        change.journey,
        platform=journey.platform if journey.has_no_choice else None,
        step=Step.PLATFORM_CHOSEN if journey.has_no_choice else Step.OPENED,
        connection_id=None,
        sent=0,
        was_linked_already=False,
        is_unlinking=False,
        created_connection=None,
        unlinked_connections=unlinked,
        attempt=journey.attempt + 1,
    )
    return Change(after, change.events)


def expire(journey: Journey, now: int) -> Change | None:
    """End a journey whose time is over; a confirmed one has reached its end already."""
    if journey.step in ENDED or journey.step is Step.CONFIRMED or now < journey.expires:
        return None
    after = replace(journey, step=Step.EXPIRED)
    return _change(after, now, EntryType.EXPIRED, detail=journey.step, left_at=journey.step)


def revoke(journey: Journey, by: str, now: int) -> Change | None:
    """End a journey because the firm says so; its link stops working."""
    if journey.step in ENDED:
        return None
    after = replace(journey, step=Step.REVOKED)
    return _change(after, now, EntryType.REVOKED, detail=by, by=by, left_at=journey.step)


def renew_link(journey: Journey, token_hash: str, expires: int, now: int) -> Change | None:
    """Replace the journey's link; the one before stops working. A revoked one stays ended."""
    if journey.step is Step.REVOKED:
        return None
    step = _step_resumed(journey) if journey.step in ENDED else journey.step
    after = replace(journey, token_hash=token_hash, expires=expires, step=step)
    return _change(after, now, EntryType.LINK_RENEWED, expires=expires)


def add_entry(journey: Journey, kind: str, at: int, detail: str = "", code: str = "") -> Journey:
    """Return the journey with one more entry in its history; publishes nothing."""
    key = journey.platform.key if journey.platform else ""
    entry = HistoryEntry(kind, at, detail, key, code)
    return replace(journey, history=(*journey.history, entry)[-MAX_ENTRIES:])


def _drop_connection(journey: Journey) -> Journey:
    """Return the journey without the connection that was created for it."""
    if journey.created_connection is None:
        return journey
    dropped = (*journey.dropped_connections, journey.created_connection)[-MAX_DROPPED:]
    return replace(journey, created_connection=None, dropped_connections=dropped)


def _step_resumed(journey: Journey) -> Step:
    if journey.connection_id:
        return Step.AUTHORISING
    return Step.PLATFORM_CHOSEN if journey.platform else Step.STARTED


def _fingerprint(found: Identity) -> str:
    """Return a fingerprint of whom the books name, without how they are linked (`mark_of`)."""
    return replace(found, platform_name="").mark(None)


def _change(
    journey: Journey, now: int, kind: str, *, detail: str = "", code: str = "", **data: Any
) -> Change:
    """Add an entry to the journey's history, and an event that says which journey and platform."""
    journey = add_entry(journey, kind, now, detail, code)
    facts: dict[str, Any] = {"journey": journey.id, "attempt": journey.attempt}
    if journey.platform is not None:
        facts |= {
            "platform_key": journey.platform.key,
            "platform_name": journey.platform.name,
        }
    return Change(journey, ((kind, facts | data),))
