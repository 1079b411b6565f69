"""Find a platform by what people type: short names, missing spaces, slips of the finger."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from codat.records import Integration

MIN_RATIO = 0.74  # of 1: how much of a word must be as typed
MIN_GUESSED_LENGTH = 4  # letters; a shorter word is taken as it stands
# What people call them.
ALSO = {
    "qb": "quickbooks",
    "qbo": "quickbooks online",
    "qbd": "quickbooks desktop",
    "intuit": "quickbooks",
    "bc": "dynamics business central",
    "d365": "dynamics 365",
    "navision": "dynamics",
    "ns": "netsuite",
    "izettle": "zettle",
    "amazon": "amazon seller",
}
_BETWEEN = re.compile(r"[^a-z0-9]+")


def find(integrations: Sequence[Integration], asked: str) -> list[Integration]:
    """Return those that fit what was typed, the best first; all of them if nothing was typed.

    Of those that fit as well, what runs in the cloud comes before what runs on a computer.
    """
    wanted = _plain(asked)
    if not wanted:
        return list(integrations)
    wanted = ALSO.get(wanted.replace(" ", ""), wanted)
    scored = [(_score(_plain(one.name), one.name, wanted), one) for one in integrations]
    fitting = [(score, one) for score, one in scored if score > 0]
    return [
        one
        for _, one in sorted(fitting, key=lambda pair: (-pair[0], pair[1].is_offline, pair[1].name))
    ]


def _score(name: str, shown: str, wanted: str) -> float:
    if wanted in name or wanted.replace(" ", "") in name.replace(" ", ""):
        return 2.0 + name.startswith(wanted)
    if wanted.replace(" ", "") in _initials(shown):
        return 1.5
    scores = [_word_score(word, name) for word in wanted.split()]
    return min(scores) if all(scores) else _joined(name, wanted)


def _word_score(word: str, name: str) -> float:
    """Return how well one word typed fits any word of the name: 0 not, 1 as typed."""
    best = 0.0
    for part in name.split():
        if part.startswith(word):
            return 1.0
        if min(len(word), len(part)) >= MIN_GUESSED_LENGTH:
            # Whole words, and beginnings of them: the list follows what is typed.
            for meant in (part, part[: len(word) + 1]):
                alike = SequenceMatcher(None, word, meant).ratio()
                best = max(best, alike if alike >= MIN_RATIO else 0.0)
    return best


def _joined(name: str, wanted: str) -> float:
    """Return how well it fits without spaces: `quick boks` for QuickBooks."""
    typed = wanted.replace(" ", "")
    if len(typed) < MIN_GUESSED_LENGTH:
        return 0.0
    parts = [part for part in name.split() if len(part) >= MIN_GUESSED_LENGTH]
    alike = max((SequenceMatcher(None, typed, part).ratio() for part in parts), default=0.0)
    return alike if alike >= MIN_RATIO else 0.0


def _initials(name: str) -> str:
    """Return the capitals and figures: QBO of QuickBooks Online."""
    return "".join(re.findall(r"[A-Z0-9]", name)).lower()


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    return _BETWEEN.sub(" ", letters).strip()
