"""A customer's way from a link to a confirmed company: its record, and the rules it moves by."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import orjson

from relay.companies.identity import Identity

MOST_DROPPED = 20
MOST_PASSED = 200  # entries of a journey's own history; the event log keeps all


class Step(StrEnum):
    """How far a journey has come by what was done; what Codat tells is seen in the company."""

    STARTED = "started"
    OPENED = "opened"
    PLATFORM_CHOSEN = "platform_chosen"
    CONSENTED = "consented"
    AUTHORISING = "authorising"
    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    REVOKED = "revoked"


# Steps that settle whether the company is the right one, for the link then made.
JUDGED = ("journey.authorising", "journey.mismatch", "journey.mismatch_accepted")
LEFT, SENT = "journey.left", "journey.authorising"
RENEWED = "journey.link_renewed"
WRONG_COMPANY = "journey.wrong_company"
MOST_ACTS = 50  # of a customer's by one link, so that nobody makes the log grow without end
ACTS = frozenset(
    {
        LEFT,
        "journey.platform_chosen",
        "journey.platform_left",
        "journey.platform_not_listed",
        "journey.consented",
        "journey.code_shown",
        "journey.authorising",
    }
)
ENDED = frozenset({Step.EXPIRED, Step.REVOKED})


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform as the customer chose it."""

    key: str
    name: str
    source_type: str = ""
    is_offline: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer agreed to, word for word. `at` in ms since the epoch."""

    at: int
    text_version: str
    language: str
    platform_key: str
    data_types: tuple[str, ...]
    cadence: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """One step that was taken. `at` in ms since the epoch; the key is of the platform then.

    `code` is Codat's for why linking failed; of an acceptance, the mark of who was accepted.
    """

    type: str
    at: int
    detail: str = ""
    platform_key: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """One invitation to link one company. Times in ms since the epoch."""

    id: str
    company_id: str
    created: int
    expires: int
    by: str
    reference: str | None = None
    language: str = "en"
    return_url: str | None = None
    allowed_platforms: tuple[str, ...] = ()  # keys; empty: all
    allowed_types: tuple[str, ...] = ()  # source types; empty: all
    token_hash: str = ""
    reconnects: str | None = None  # the connection that is to be linked again
    identity: Identity | None = None  # who it was, when it was linked before
    step: Step = Step.STARTED
    platform: Platform | None = None
    connection_id: str | None = None
    sent: int = 0  # when the customer was last sent to Codat
    reads_before: int = 0  # of its info by Codat, when the customer was sent
    was_linked_already: bool = False
    undoing: bool = False  # the customer said that it is the wrong company; it is being unlinked
    made: str | None = None  # the connection that was made for it, while nothing was linked by it
    dropped: tuple[str, ...] = ()  # such ones that the customer turned away from: never used again
    undone: tuple[str, ...] = ()  # connections that were unlinked, of a wrong company
    attempt: int = 1  # rises when the company was the wrong one
    consents: tuple[Consent, ...] = ()
    passed: tuple[Passed, ...] = ()

    def to_json(self) -> bytes:
        """Give the journey as it is stored."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read what `to_json` wrote."""
        values = orjson.loads(raw)
        for name in ("allowed_platforms", "allowed_types", "dropped", "undone"):
            values[name] = tuple(values.get(name, ()))
        values["step"] = Step(values["step"])
        values["platform"] = Platform(**values["platform"]) if values["platform"] else None
        values["identity"] = Identity(**values["identity"]) if values["identity"] else None
        values["consents"] = tuple(_consent(one) for one in values["consents"])
        values["passed"] = tuple(Passed(**one) for one in values["passed"])
        return cls(**values)

    @property
    def was_undone(self) -> bool:
        """Whether the last thing that happened is that a wrong company was unlinked."""
        return bool(self.undone and self.passed and self.passed[-1].type == WRONG_COMPANY)

    @property
    def is_single(self) -> bool:
        """Whether there is nothing to choose: one platform only, or one to be linked again."""
        return self.reconnects is not None or len(self.allowed_platforms) == 1

    @property
    def consent(self) -> Consent | None:
        """The consent that holds for the chosen platform in this attempt, if it was given."""
        if self.step not in (Step.CONSENTED, Step.AUTHORISING, Step.CONFIRMED, Step.MISMATCH):
            return None
        return self.consents[-1] if self.consents else None

    def is_open(self, now: int) -> bool:
        """Whether the link still works."""
        return self.step not in ENDED and now < self.expires

    def is_worn(self) -> bool:
        """Whether its link was used for as much as one may be; the firm can renew it."""
        kinds = [one.type for one in self.passed]
        since = len(kinds) - kinds[::-1].index(RENEWED) if RENEWED in kinds else 0
        return sum(kind in ACTS for kind in kinds[since:]) >= MOST_ACTS

    def may_use(self, key: str, source_type: str) -> bool:
        """Whether the firm lets this journey link such a platform."""
        by_key = {wanted.casefold() for wanted in self.allowed_platforms}
        by_type = {wanted.casefold() for wanted in self.allowed_types}
        if by_key and key.casefold() not in by_key:
            return False
        return not by_type or source_type.casefold() in by_type


@dataclass(frozen=True, slots=True)
class Change:
    """A journey as it now is, and what is to be told of it: types and their data."""

    journey: Journey
    told: tuple[tuple[str, dict[str, Any]], ...] = field(default=())


def start(journey: Journey) -> Change:
    """Begin; with a platform given, there is none to choose."""
    return _moved(
        journey,
        journey.created,
        "journey.started",
        reference=journey.reference,
        expires=journey.expires,
        by=journey.by,
        reconnects=journey.reconnects,
    )


def opened(journey: Journey, now: int) -> Change | None:
    """Note that the customer opened the link for the first time."""
    if journey.step is not Step.STARTED:
        return None
    step = Step.PLATFORM_CHOSEN if journey.platform else Step.OPENED
    return _moved(replace(journey, step=step), now, "journey.opened")


def chosen(journey: Journey, platform: Platform, now: int) -> Change | None:
    """Take the platform that the customer chose; a finished journey stays as it is."""
    if journey.step in (Step.CONFIRMED, Step.MISMATCH) or journey.is_single or journey.undoing:
        return None
    if journey.platform is not None and journey.platform.key != platform.key:
        journey = _dropping(journey)
    after = replace(journey, platform=platform, step=Step.PLATFORM_CHOSEN, connection_id=None)
    return _moved(after, now, "journey.platform_chosen", detail=platform.name)


def left_platform(journey: Journey, now: int) -> Change | None:
    """Go back to the choice of platform."""
    if journey.platform is None or journey.is_single or journey.step is Step.CONFIRMED:
        return None
    if journey.undoing:
        return None
    told = _moved(_dropping(journey), now, "journey.platform_left", detail=journey.platform.name)
    after = replace(told.journey, platform=None, step=Step.OPENED, connection_id=None, sent=0)
    return Change(after, told.told)


def not_listed(journey: Journey, sought: str, now: int) -> Change:
    """Note what the customer looked for and did not find."""
    return _moved(journey, now, "journey.platform_not_listed", detail=sought, sought=sought)


def code_shown(journey: Journey, now: int) -> Change:
    """Note that a code was shown, by which the customer goes on at another computer."""
    return _moved(journey, now, "journey.code_shown")


def consented(journey: Journey, consent: Consent) -> Change | None:
    """Record what the customer agreed to for the platform chosen."""
    if journey.platform is None or journey.step in (Step.CONFIRMED, Step.MISMATCH):
        return None
    if journey.consent is not None:
        return None  # another click was quicker
    after = replace(journey, consents=(*journey.consents, consent), step=Step.CONSENTED)
    return _moved(
        after,
        consent.at,
        "journey.consented",
        detail=consent.text_version,
        text_version=consent.text_version,
        language=consent.language,
        data_types=list(consent.data_types),
        cadence=consent.cadence,
    )


def sent(
    journey: Journey,
    connection_id: str,
    now: int,
    *,
    already: bool,
    reads: int = 0,
    made: bool = False,
) -> Change | None:
    """Note that the customer goes to Codat now, or need not (`already` linked).

    `reads` is how often Codat has read the company's info before; `made`: the connection was made
    for this. Nobody goes before the wrong company is unlinked.
    """
    if journey.consent is None or journey.step is Step.CONFIRMED or journey.undoing:
        return None
    if already and connection_id == journey.connection_id:
        return None  # linked by this journey since the customer was last sent: no news
    if already and connection_id in (journey.made, *journey.dropped):
        return _returned_to(journey, connection_id, now)
    after = replace(
        journey,
        step=Step.AUTHORISING,
        connection_id=connection_id,
        sent=now,
        reads_before=reads,
        was_linked_already=already,
        made=connection_id if made else journey.made,
    )
    change = _moved(after, now, SENT, connection_id=connection_id)
    if not already:
        return change
    more = _moved(change.journey, now, "journey.linked", connection_id=connection_id, already=True)
    return Change(more.journey, change.told + more.told)


def _returned_to(journey: Journey, connection_id: str, now: int) -> Change:
    """Go on with what this journey made and linked, though its customer went back meanwhile.

    It was linked after they were sent for it, and that is the time from which on it counts.
    """
    key = journey.platform.key if journey.platform else ""
    times = [one.at for one in journey.passed if (one.type, one.platform_key) == (SENT, key)]
    after = replace(
        journey,
        step=Step.AUTHORISING,
        connection_id=connection_id,
        sent=max(times, default=journey.created),
        was_linked_already=False,
        made=connection_id,
        dropped=tuple(one for one in journey.dropped if one != connection_id),
    )
    return _moved(after, now, SENT, connection_id=connection_id)


def left(journey: Journey, stage: str, reason: str, now: int) -> Change | None:
    """Note that the customer said "not now", and why; their link goes on working."""
    last = journey.passed[-1] if journey.passed else None
    if last and (last.type, last.detail) == (LEFT, reason):
        return None  # sent twice
    return _moved(journey, now, LEFT, detail=reason, stage=stage, reason=reason or None)


def confirmed(journey: Journey, found: Identity, now: int) -> Change | None:
    """Take the customer's word that this is the right company, as it was shown to them."""
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH) or journey.undoing:
        return None
    return _moved(
        replace(journey, step=Step.CONFIRMED),
        now,
        "journey.confirmed",
        connection_id=journey.connection_id,
        company=asdict(found),
        shown=found.mark(journey.connection_id),
    )


def mismatched(journey: Journey, expected: Identity, found: Identity, now: int) -> Change | None:
    """Stop: what was linked is not the company it was."""
    if journey.step is not Step.AUTHORISING or is_accepted(journey, found):
        return None
    return _moved(
        replace(journey, step=Step.MISMATCH),
        now,
        "journey.mismatch",
        connection_id=journey.connection_id,
        expected=asdict(expected),
        found=asdict(found),
    )


def accepted(
    journey: Journey, expected: Identity, found: Identity, by: str, now: int
) -> Change | None:
    """Let the firm say that what was linked is the right company after all; safe to send twice."""
    if journey.connection_id is None or journey.step is Step.CONFIRMED or journey.undoing:
        return None
    if is_accepted(journey, found):
        return None
    return _moved(
        replace(journey, step=Step.AUTHORISING),
        now,
        "journey.mismatch_accepted",
        detail=by,
        code=_mark(found),
        connection_id=journey.connection_id,
        expected=asdict(expected),
        found=asdict(found),
        by=by,
        identity_mark=_mark(found),
    )


def is_accepted(journey: Journey, found: Identity | None = None) -> bool:
    """Whether the firm accepted what is linked now, though it is another; and as `found`, if given.

    Its books may name yet another after that.
    """
    judged = [one for one in journey.passed if one.type in JUDGED][-1:]
    return any(
        one.type == JUDGED[-1] and (found is None or one.code == _mark(found)) for one in judged
    )


def _mark(found: Identity) -> str:
    """Give what stands for whom the books name, whatever they are linked by: as `mark_of` does."""
    return replace(found, platform_name="").mark(None)


def disowned(journey: Journey) -> Change | None:
    """Take the customer's word that it is the wrong company, before it is unlinked at Codat.

    From then on nobody can confirm it. What was linked before the journey is not for its customer
    to unlink.
    """
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH) or journey.was_linked_already:
        return None
    return None if journey.undoing else Change(replace(journey, undoing=True))


def wrong_company(journey: Journey, found: Identity, now: int) -> Change | None:
    """Start again, once it was unlinked; one linked before the journey is for the firm to judge."""
    if journey.step not in (Step.AUTHORISING, Step.MISMATCH):
        return None
    if not journey.undoing and not journey.was_linked_already:
        return None
    told = _moved(
        journey,
        now,
        WRONG_COMPANY,
        connection_id=journey.connection_id,
        company=asdict(found),
        still_linked=journey.was_linked_already,
    )
    after = replace(
        told.journey,
        platform=journey.platform if journey.is_single else None,
        step=Step.PLATFORM_CHOSEN if journey.is_single else Step.OPENED,
        connection_id=None,
        sent=0,
        was_linked_already=False,
        undoing=False,
        made=None,
        undone=journey.undone
        if journey.was_linked_already or journey.connection_id is None
        else (*journey.undone, journey.connection_id),
        attempt=journey.attempt + 1,
    )
    return Change(after, told.told)


def expired(journey: Journey, now: int) -> Change | None:
    """End a journey whose time is over; a confirmed one has reached its end already."""
    if journey.step in ENDED or journey.step is Step.CONFIRMED or now < journey.expires:
        return None
    after = replace(journey, step=Step.EXPIRED)
    return _moved(after, now, "journey.expired", detail=journey.step, left_at=journey.step)


def revoked(journey: Journey, by: str, now: int) -> Change | None:
    """End a journey by the firm's own act; its link stops working."""
    if journey.step in ENDED:
        return None
    after = replace(journey, step=Step.REVOKED)
    return _moved(after, now, "journey.revoked", detail=by, by=by, left_at=journey.step)


def renewed(journey: Journey, token_hash: str, expires: int, now: int) -> Change | None:
    """Give the journey another link; the one before stops working. A revoked one stays ended."""
    if journey.step is Step.REVOKED:
        return None
    step = journey.step if journey.step not in ENDED else _resumed(journey)
    after = replace(journey, token_hash=token_hash, expires=expires, step=step)
    return _moved(after, now, RENEWED, expires=expires)


def noted(journey: Journey, kind: str, at: int, detail: str = "", code: str = "") -> Journey:
    """Write into the journey's history what the company's events tell already."""
    key = journey.platform.key if journey.platform else ""
    passed = (*journey.passed, Passed(kind, at, detail, key, code))[-MOST_PASSED:]
    return replace(journey, passed=passed)


def _dropping(journey: Journey) -> Journey:
    """Give the journey without the connection that was made for it."""
    if journey.made is None:
        return journey
    dropped = (*journey.dropped, journey.made)[-MOST_DROPPED:]
    return replace(journey, made=None, dropped=dropped)


def _resumed(journey: Journey) -> Step:
    if journey.connection_id:
        return Step.AUTHORISING
    return Step.PLATFORM_CHOSEN if journey.platform else Step.STARTED


def _moved(
    journey: Journey, now: int, kind: str, *, detail: str = "", code: str = "", **data: Any
) -> Change:
    """Write a step into the journey's history and tell it with who and where."""
    journey = noted(journey, kind, now, detail, code)
    facts: dict[str, Any] = {"journey": journey.id, "attempt": journey.attempt}
    if journey.platform is not None:
        facts |= {
            "platform_key": journey.platform.key,
            "platform_name": journey.platform.name,
        }
    return Change(journey, ((kind, facts | data),))


def _consent(values: dict[str, Any]) -> Consent:
    values["data_types"] = tuple(values["data_types"])
    values["text"] = tuple(values["text"])
    return Consent(**values)
