"""A journey's history: what happened in it, named like the events of the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_ENTRIES = 200  # kept with a journey; the event log keeps all


class EntryType(StrEnum):
    """What happened: the type of the event that the log holds for it."""

    STARTED = "journey.started"
    OPENED = "journey.opened"
    PLATFORM_CHOSEN = "journey.platform_chosen"
    PLATFORM_LEFT = "journey.platform_left"
    PLATFORM_NOT_LISTED = "journey.platform_not_listed"
    CONSENTED = "journey.consented"
    CODE_SHOWN = "journey.code_shown"
    AUTHORISING = "journey.authorising"  # the customer was sent to Codat
    LINKED = "journey.linked"
    REFUSED = "journey.refused"
    CONFIRMED = "journey.confirmed"
    MISMATCH = "journey.mismatch"
    MISMATCH_ACCEPTED = "journey.mismatch_accepted"
    WRONG_COMPANY = "journey.wrong_company"
    LEFT = "journey.left"  # the customer said "not now"
    EXPIRED = "journey.expired"
    REVOKED = "journey.revoked"
    LINK_RENEWED = "journey.link_renewed"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened. `at` in ms since the epoch.

    `platform_key` is of the platform chosen at that time. `code` is Codat's code for why linking
    failed; of an acceptance, the fingerprint of the company that was accepted.
    """

    type: str
    at: int
    detail: str = ""
    platform_key: str = ""
    code: str = ""


def last_of(history: Iterable[HistoryEntry], *types: str) -> HistoryEntry | None:
    """Return the newest entry of one of these types."""
    return next((entry for entry in reversed([*history]) if entry.type in types), None)
