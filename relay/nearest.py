"""A word that is not known is refused with the nearest one that is."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

CLOSE = 0.6  # of 1: how much of a word must be as given
MAX_LISTED = 8  # known words that are all named where none is near
_QUOTED = re.compile(r"'([^']*)'")


def nearest(given: str, known: Iterable[str], close: float = CLOSE) -> str | None:
    """Return the known word that is most like `given`, or None where none is; case is ignored.

    `close`: how much of it must be as given, of 1.
    """
    by_fold = {one.casefold(): one for one in known}
    wanted = given.strip().casefold()
    like = get_close_matches(wanted, by_fold, n=1, cutoff=close)
    if not like and len(wanted) > 1:  # a part of a word, as London is of Europe/London
        like = sorted((one for one in by_fold if wanted in one), key=len)[:1]
    return by_fold[like[0]] if like else None


def hint(given: str, known: Iterable[str]) -> str:
    """Say which known word is nearest, to end a refusal; of few known ones all; else ''.

    What was given is not repeated: it may be a secret in the wrong place.
    """
    words = list(dict.fromkeys(known))
    if near := nearest(given, words):
        return f"; the nearest that is known is {near}"
    return all_of(words)


def all_of(words: Sequence[str]) -> str:
    """Name all known words, to end a refusal, where they are few; else ''."""
    return f"; known are {', '.join(words)}" if 0 < len(words) <= MAX_LISTED else ""


def hint_of(error: Any) -> str:
    """As `hint`, for one of pydantic's errors about a value that must be one of some words."""
    if error["type"] not in ("enum", "literal_error"):
        return ""
    near = nearest(str(error.get("input", "")), _QUOTED.findall(error["ctx"]["expected"]))
    return f"; the nearest is {near}" if near else ""
