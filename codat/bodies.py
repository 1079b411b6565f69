"""Reads the JSON that Codat sent, also what strict parsers refuse and other readers understand."""

import json
import math
import re
from contextlib import suppress
from typing import Any

import orjson

MAX_DEPTH = 100  # lists and objects within each other; JSON writers stop before readers do

# A text up to its end (or that of the body), or a bracket outside of texts.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)
# Perhaps a number of which a reader keeps only the beginning.
_LONG_NUMBER = re.compile(rb"[0-9.]{17}")
_MAX_DIGITS = 19  # of a whole number that 64 bits always hold, its sign included


def load(body: bytes) -> Any:
    """Return the JSON value in a body; ValueError where there is none.

    The value can always be written as JSON again, as what a strict writer refuses is replaced.
    Lone surrogates and undecodable bytes become U+FFFD. `NaN`, infinities, numbers out of range and
    what is nested deeper than `MAX_DEPTH` become None. UTF-8, 16 and 32 are read, with a byte order
    mark or without one; texts may hold control characters.
    """
    try:
        value = orjson.loads(body)
    except ValueError:
        return _tolerantly(body)
    return _tolerantly(body) if is_deep(body, value) else value


def canonical(body: bytes) -> bytes:
    """Return the same bytes for bodies that differ only in spaces, order of fields or encoding.

    Bodies that are not JSON are the same only if their bytes are.
    """
    is_exact = _LONG_NUMBER.search(body.replace(b"\0", b"")) is None
    with suppress(ValueError):
        if is_exact:
            return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    try:
        # Undecodable bytes stay different; `load` replaces them all by one character.
        text = body.decode(json.detect_encoding(body), "surrogateescape")
        with suppress(ValueError):
            if is_exact:
                return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
        # Numbers as they are written: parsed, different ones could become equal.
        value = json.loads(
            text, strict=False, parse_float=_as_written, parse_int=_as_written,
            parse_constant=_as_written,
        )  # fmt: skip
        return json.dumps(value, sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body


def _as_written(number: str) -> list[str]:
    return ["number", number]


def _tolerantly(body: bytes) -> Any:
    value = json.loads(
        _pruned(_decoded(body)),
        strict=False,
        parse_float=_number,
        parse_int=lambda text: int(text) if len(text) <= _MAX_DIGITS else _number(text),
        parse_constant=lambda _: None,
    )
    return orjson.loads(_joined(json.dumps(value, ensure_ascii=False)))


def text_of(body: bytes) -> str:
    """Return a body as text, in the encoding of JSON; undecodable bytes are replaced."""
    return _joined(_decoded(body))


def _decoded(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    try:
        # Some writers encode each half of a surrogate pair by itself; they are joined later.
        return body.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return body.decode(encoding, "replace")


def _joined(text: str) -> str:
    """Join pairs of surrogates, and replace lone ones."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _pruned(text: str) -> str:
    """Replace what is nested too deeply by null; works on text of any depth."""
    kept: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += (text[start : token.start()], "null")
        elif token[0] in "]}":
            if depth == MAX_DEPTH + 1:
                start = token.end()
            depth -= 1
    return "".join((*kept, text[start:])) if depth <= MAX_DEPTH else "".join(kept)


def is_deep(text: bytes, value: object, depth: int = MAX_DEPTH) -> bool:
    """Report whether anything in `value`, parsed from `text`, is nested more deeply."""
    # Counting is far quicker than walking, and all but the largest texts end here.
    if text.count(b"{") + text.count(b"[") <= depth:
        return False
    level: list[object] = [value]
    for _ in range(depth):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        level = inner
    return any(isinstance(item, (dict, list)) for item in level)
