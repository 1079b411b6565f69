"""The record of a journey: a customer's way from a link to a confirmed company."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

import orjson

from relay.companies.identity import Identity
from relay.journeys.history import EntryType, HistoryEntry, last_of

MAX_ACTS = 50  # of a customer by one link, so that nobody can fill the log
# What counts as an act of the customer.
ACTS = frozenset(
    {
        EntryType.LEFT,
        EntryType.PLATFORM_CHOSEN,
        EntryType.PLATFORM_LEFT,
        EntryType.PLATFORM_NOT_LISTED,
        EntryType.CONSENTED,
        EntryType.CODE_SHOWN,
        EntryType.AUTHORISING,
    }
)
# Fields that are stored under another name.
STORED_AS = {
    "history": "passed",
    "is_unlinking": "undoing",
    "created_connection": "made",
    "dropped_connections": "dropped",
    "unlinked_connections": "undone",
}
TUPLES = ("allowed_platforms", "allowed_types", "dropped_connections", "unlinked_connections")


class Step(StrEnum):
    """What was done last in a journey: a fact of the record.

    Where its customer stands is a `Stage`, which depends on what Codat reports too.
    """

    STARTED = "started"
    OPENED = "opened"
    PLATFORM_CHOSEN = "platform_chosen"
    CONSENTED = "consented"
    AUTHORISING = "authorising"
    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    REVOKED = "revoked"


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
    identity: Identity | None = None  # the company as it was when it was linked before
    step: Step = Step.STARTED
    platform: Platform | None = None
    connection_id: str | None = None
    sent: int = 0  # when the customer was last sent to Codat
    reads_before: int = 0  # how often Codat had read the company's info when the customer was sent
    was_linked_already: bool = False
    is_unlinking: bool = False  # the customer said it is the wrong company; it is being unlinked
    created_connection: str | None = None  # created for this journey; nothing was linked by it yet
    dropped_connections: tuple[str, ...] = ()  # created, then turned away from: never used again
    unlinked_connections: tuple[str, ...] = ()  # unlinked because they led to a wrong company
    attempt: int = 1  # rises when the company was the wrong one
    consents: tuple[Consent, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    def to_json(self) -> bytes:
        """Return the journey as it is stored."""
        names = (field.name for field in fields(self))
        return orjson.dumps({STORED_AS.get(name, name): getattr(self, name) for name in names})

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read what `to_json` wrote."""
        stored = orjson.loads(raw)
        values = {name: stored.pop(old) for name, old in STORED_AS.items() if old in stored}
        values |= stored
        for name in TUPLES:
            values[name] = tuple(values.get(name, ()))
        values["step"] = Step(values["step"])
        values["platform"] = Platform(**values["platform"]) if values["platform"] else None
        values["identity"] = Identity(**values["identity"]) if values["identity"] else None
        values["consents"] = tuple(_consent(one) for one in values["consents"])
        values["history"] = tuple(HistoryEntry(**one) for one in values["history"])
        return cls(**values)

    @property
    def was_just_unlinked(self) -> bool:
        """Whether the last thing that happened is that a wrong company was unlinked."""
        last = self.history[-1] if self.history else None
        return bool(self.unlinked_connections and last and last.type == EntryType.WRONG_COMPANY)

    @property
    def has_no_choice(self) -> bool:
        """Whether the platform is fixed: only one is allowed, or one is to be linked again."""
        return self.reconnects is not None or len(self.allowed_platforms) == 1

    @property
    def consent(self) -> Consent | None:
        """The consent given for the chosen platform in this attempt."""
        if self.step not in (Step.CONSENTED, Step.AUTHORISING, Step.CONFIRMED, Step.MISMATCH):
            return None
        return self.consents[-1] if self.consents else None

    def is_open(self, now: int) -> bool:
        """Whether the link still works."""
        return self.step not in ENDED and now < self.expires

    def is_worn(self) -> bool:
        """Whether the link was used for as many acts as it may be; the firm can renew it."""
        types = [entry.type for entry in self.history]
        renewed = EntryType.LINK_RENEWED
        since = len(types) - types[::-1].index(renewed) if renewed in types else 0
        return sum(kind in ACTS for kind in types[since:]) >= MAX_ACTS

    def may_use(self, key: str, source_type: str) -> bool:
        """Whether the firm lets this journey link such a platform."""
        by_key = {wanted.casefold() for wanted in self.allowed_platforms}
        by_type = {wanted.casefold() for wanted in self.allowed_types}
        if by_key and key.casefold() not in by_key:
            return False
        return not by_type or source_type.casefold() in by_type

    def last(self, *types: str) -> HistoryEntry | None:
        """Return the newest entry of its history that has one of these types."""
        return last_of(self.history, *types)


def _consent(values: dict[str, Any]) -> Consent:
    values["data_types"] = tuple(values["data_types"])
    values["text"] = tuple(values["text"])
    return Consent(**values)
