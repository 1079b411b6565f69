"""Text that people write in files and values, without what editors and shells leave around it."""

import codecs
import re
from pathlib import Path

LARGEST = 1_000_000  # bytes of a file
AROUND = " \t\r\n\v\f\u00a0\ufeff\u200b\u2028\u2029"  # spaces, line ends, byte-order marks
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
QUOTES = ("'", '"', "`", "\u2018\u2019", "\u201c\u201d")
WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class Unreadable(Exception):
    """A file is not there or holds no text; `str()` says why, without a word of what it holds."""


def read_text(path: str | Path) -> str:
    """Return what a file of UTF-8 text holds, without a byte-order mark; raises Unreadable."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except ValueError:  # a zero byte in its name
        raise Unreadable("that is no path") from None
    if len(data) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST:,} bytes")
    for mark, name in WIDE.items():
        if data.startswith(mark):
            raise Unreadable(f"is not text in UTF-8 but {name}: save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("is not text in UTF-8") from None
    if "\0" in text:
        raise Unreadable("is not text: it holds a zero byte")
    return text


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
