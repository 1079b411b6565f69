"""Values that people write, without what editors and shells add around them, or a fault."""

import re

AROUND = " \t\r\n\v\f\u00a0\ufeff\u200b\u2028\u2029"  # spaces, line ends, byte-order marks
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
QUOTES = ("'", '"', "`", "\u2018\u2019", "\u201c\u201d")


def trimmed(value: str) -> str:
    """Return a value without spaces, line ends and byte-order marks around it."""
    return value.strip(AROUND)


def fault_of(value: str) -> str | None:
    """Return what is wrong with a value on one line, never showing it; None when nothing is."""
    if not value:
        return "holds nothing but spaces"
    if any(value[0] == pair[0] and value[-1] == pair[-1] for pair in QUOTES):
        return "stands in quotes, which would count as part of it: leave them out"
    if CONTROLS.search(value):
        return "holds a line break or another control character"
    return None
