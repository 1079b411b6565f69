"""Files that people write: CSV and TOML, read whole, each fault a sentence with the file's line."""

import csv
import os
import re
import select
import stat
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from relay.nearest import hint

MAX_BYTES = 64 * 1024 * 1024  # bytes; a CSV file of a million companies is smaller
READ_TIMEOUT = 30.0  # seconds for what a pipe brings next
MAX_CELL_LENGTH = 10_000  # characters
TOO_LONG = f"a cell is longer than {MAX_CELL_LENGTH:,} characters; is a quote left open?"
NOT_CLOSED = "a quote is left open, or something follows a closed one"
OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_HEAD = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?")
_KEY = re.compile(r"""(?:^|[{,])\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
                  r"""(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")  # fmt: skip


class BadFile(ValueError):
    """The file cannot be used; `str()` names it, the line and the fault."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a CSV file: the line it begins on, and its cells without blanks around them."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a CSV file with a head: its columns by name, without blank ones."""

    where: str
    cells: dict[str, str]


def read_text(path: Path, *, may_be_empty: bool = False) -> str:
    """Return what a file says, in UTF-8 with or without a mark in front; raises BadFile."""
    try:
        raw = _bytes(path)
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise BadFile(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MB")
    if mark := OTHER_MARKS.get(raw[:2]):
        raise BadFile(f"{path} line 1: is {mark}; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFile(f"{path} line {line}: is not UTF-8 text; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadFile(f"{path} line {line}: holds a zero byte, so it is no text; save it as UTF-8")
    if not (may_be_empty or text.strip()):
        raise BadFile(f"{path} is empty")
    return text


def _bytes(path: Path) -> bytes:
    """Return at most one byte more than a file may have; raises OSError."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    # As a shell's `<(...)`. A reader of one that no process writes to would wait forever.
    descriptor, raw = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), bytearray()
    try:
        while len(raw) <= MAX_BYTES:
            if not select.select([descriptor], [], [], READ_TIMEOUT)[0]:
                raise BadFile(f"{path} is a pipe into which nobody writes")
            if not (piece := os.read(descriptor, 65536)):
                break
            raw += piece
    finally:
        os.close(descriptor)
    return bytes(raw)


def read_rows(path: Path) -> list[Row]:
    """Return the records of a CSV file that are not blank; raises BadFile."""
    return list(_rows(path, read_text(path)))


def read_table(path: Path, needed: Sequence[str], known: Collection[str]) -> list[Record]:
    """Return the records of a CSV file whose head names these columns; raises BadFile.

    `known` are all columns there may be. Empty columns at the end, as spreadsheets write them, are
    passed over.
    """
    rows = read_rows(path)
    head, records = rows[0], rows[1:]
    names = _trimmed(head.cells)
    for column in needed:
        if column not in names:
            said = f"{path} line {head.line}: has no column {column}{separated(head.cells)}"
            raise BadFile(said)
    for number, name in enumerate(names, 1):
        if not name:
            raise BadFile(f"{path} line {head.line}: column {number} has no name")
        if name in names[: number - 1]:
            raise BadFile(f"{path} line {head.line}: names the column {name} twice")
        if name not in known:
            raise BadFile(f"{path} line {head.line}: {name!r} is not known{hint(name, known)}")
    found = []
    for row in records:
        cells = row.cells if len(row.cells) <= len(names) else _trimmed(row.cells)
        if len(cells) > len(names) or len(row.cells) < len(names):
            count = len(cells) if len(cells) > len(names) else len(row.cells)
            raise BadFile(f"{path} line {row.line}: has {count} cells, the head {len(names)}")
        given = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
        where = f"{path} line {row.line}"
        for column in needed:
            if column not in given:
                raise BadFile(f"{where}: {column} is missing")
        found.append(Record(where, given))
    return found


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return what a TOML file holds, maybe nothing, and its text for `place`; raises BadFile."""
    text = read_text(path, may_be_empty=True)
    try:
        return parse_toml(text), text
    except ValueError as error:
        raise BadFile(f"{path} {error}") from None


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text holds; raises ValueError, whose message follows on a file's name."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and numbers longer than Python reads
        raise ValueError(f"is not TOML: {error}") from None
    except RecursionError:
        raise ValueError("is not TOML that can be meant: it is nested too deep") from None


def place(text: str, path: Sequence[object]) -> str:
    """Say on which line of a TOML text the value at `path` stands, ` line 3`; '' if unknown."""
    wanted = tuple(str(part) for part in path)
    best, line_found = 0, 0
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            table = _parts(head[2])
            if head[1] == "[[":
                name = ".".join(table)
                counts[name] = counts.get(name, -1) + 1
            table = _counted(table, counts)
            stands = [table]
        else:
            keys = [_parts(key) for key in _KEY.findall(line)]
            stands = [table + key for key in keys] + [
                table + keys[0] + key
                for key in keys[1:]  # within an inline table
            ]
        for one in stands:
            if len(one) > best and one == wanted[: len(one)]:
                best, line_found = len(one), number
    return f" line {line_found}" if line_found else ""


def _rows(path: Path, text: str) -> Iterator[Row]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if any(len(cell) > MAX_CELL_LENGTH for cell in cells):
                raise BadFile(f"{path} line {line}: {TOO_LONG}")
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                yield Row(line, stripped)
    except csv.Error as error:
        said = TOO_LONG if "limit" in str(error) else NOT_CLOSED
        raise BadFile(f"{path} line {begins}: {said}") from None


def _trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    """Leave out the empty cells at the end."""
    kept = len(cells)
    while kept and not cells[kept - 1]:
        kept -= 1
    return tuple(cells[:kept])


def separated(cells: Sequence[str]) -> str:
    """Say that a line's cells are separated by something other than commas, if they may be."""
    found = [word for mark, word in SEPARATORS.items() if any(mark in cell for cell in cells)]
    return f"; its columns are separated by {found[0]}, not by commas" if found else ""


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _counted(table: tuple[str, ...], counts: dict[str, int]) -> tuple[str, ...]:
    """Put the number of an array's table behind its name, as pydantic counts them."""
    found: list[str] = []
    for depth, part in enumerate(table, 1):
        found.append(part)
        name = ".".join(table[:depth])
        if name in counts:
            found.append(str(counts[name]))
    return tuple(found)
