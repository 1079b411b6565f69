"""Read each setting from the environment, `.env` and files: a whole value, or a fault by name."""

import io
import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from dotenv.parser import Original, parse_stream
from dotenv.variables import Variable, parse_variables

from relay.files import BadFile, read_text
from relay.nearest import nearest
from relay.texts import AROUND, QUOTES, fault_of, trimmed

FILE = "_FILE"
BETWEEN = re.compile(r"[,\r\n]")  # what separates the entries of a list
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PREFIXES = ("RELAY_", "CODAT_")
ALSO_READ = ("RELAY_TOKEN",)  # by the command line, from the environment
SHORT = 8  # letters; shorter names such as PORT are like too many words that are not ours
# What Kubernetes sets for a service that is called `relay` or `codat-...`.
OF_KUBERNETES = re.compile(
    r"(RELAY|CODAT)_(\w*_)?(SERVICE_(HOST|PORT)|PORT_[0-9]+_(TCP|UDP))(_\w+)?"
)
OF_KUBERNETES_VALUE = re.compile(r"(tcp|udp)://")


class Kind(StrEnum):
    """How the text of a setting is read."""

    PLAIN = "plain"
    LIST = "list"
    SECRET = "hidden"  # noqa: S105 (a kind, not a password)
    PATH = "path"


def entries(text: str) -> tuple[str, ...]:
    """Return the entries of a list, which stand between commas or line ends."""
    return tuple(part for one in BETWEEN.split(text) if (part := trimmed(one)))


def gather(
    kinds: Mapping[str, Kind], environ: Mapping[str, str], env_file: str | Path | None
) -> tuple[dict[str, str], list[str]]:
    """Return the value of each setting that is given, by its name, and every fault found.

    The environment goes before `.env`; what is set empty counts as unset, there too. A value with a
    fault is left out, so `kinds` without those in the answer need not have been unset.
    """
    held, faults = _read_env_file(env_file, kinds, environ)
    held.update({name: value for name, value in environ.items() if value})
    values: dict[str, str] = {}
    for name, kind in kinds.items():
        label, raw, told = _raw(name, held)
        if told is None and raw is not None:
            value = raw if kind is Kind.PATH else trimmed(raw)
            told = _fault(value, kind)
            if told is None and kind is not Kind.PATH and _names(name, value):
                told = "holds its own name: give the value alone"
            if told is None:
                values[name] = value
        if told is not None:
            faults.append(f"{label}: {told}")
    return values, faults


def unread(kinds: Mapping[str, Kind], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the names in the environment that look meant for us but are not read.

    Each with the setting that is nearest, None where none is near.
    """
    known = _known(kinds)
    return {
        name: near(name, known)
        for name, value in sorted(environ.items())
        if name not in (*known, *ALSO_READ) and _is_meant(name, value, known)
    }


def near(name: str, known: Collection[str]) -> str | None:
    """Return the known name that may have been meant: a few letters differ, or their case."""
    folded = _folded(name)
    most = 1 if len(folded) < SHORT else 2
    found = min((_apart(folded, _folded(one), most), one) for one in known)
    if found[0] <= most:
        return found[1]
    return nearest(name, known) if name.startswith(PREFIXES) else None


def not_a_setting(name: str, meant: str | None) -> str:
    """Say that a name is not a setting, and which may have been meant."""
    return f"{name} is not a setting" + (f"; the nearest that is known is {meant}" if meant else "")


def _is_meant(name: str, value: str, known: Collection[str]) -> bool:
    if OF_KUBERNETES.fullmatch(name) or OF_KUBERNETES_VALUE.match(value):
        return False
    return name.startswith(PREFIXES) or (len(name) >= SHORT and near(name, known) is not None)


def _known(kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for name in kinds for one in (name, name + FILE))


def _folded(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def _apart(one: str, other: str, most: int) -> int:
    """Return how many letters were left out, put in, exchanged or swapped; `most` + 1 for more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before, row = [], list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and (a, b) == (other[j - 2], one[i - 2]):
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _raw(name: str, held: Mapping[str, str]) -> tuple[str, str | None, str | None]:
    """Return by which name a setting is given, its raw text, and what is wrong."""
    label = name + FILE
    if not (path := held.get(label)):
        return name, held.get(name), None
    if held.get(name):
        return name, None, f"is set, and {label} too; keep one of them"
    if told := _fault(path, Kind.PATH):
        return label, None, told
    try:
        text = trimmed(read_text(Path(path)))
    except BadFile as error:
        return label, None, str(error)
    return label, text, None if text else f"{path} is empty"


def _names(name: str, value: str) -> bool:
    """Report whether a value is a whole line of `.env`, where only the value should be."""
    return re.match(rf"(export\s+|set\s+)?{name}\s*[=:]", value, re.IGNORECASE) is not None


def _fault(value: str, kind: Kind) -> str | None:
    """Return what is wrong with the text of a setting, never showing it."""
    if kind is Kind.PATH:
        return _fault_of_path(value)
    if kind is not Kind.LIST:
        told = fault_of(value)
        if told is None and kind is Kind.SECRET and _has_quote(value):
            told = "begins or ends with a quote: leave it out"
        return told
    if told := fault_of(BETWEEN.sub(" ", value)):
        return told
    for number, entry in enumerate(entries(value), 1):
        if told := fault_of(entry):
            return f"entry {number} {told}"
        if _has_quote(entry):
            return f"entry {number} begins or ends with a quote: leave it out"
    return None


def _fault_of_path(value: str) -> str | None:
    """As `_fault`: a path may hold anything that a file system takes, so nothing is cut off it."""
    if not value.strip(AROUND):
        return "holds nothing but spaces"
    if "\0" in value:
        return "holds a zero byte"
    if value == "~" or value.startswith("~/"):
        return "begins with ~, which only a shell replaces: write the folder out, or ./~ for that"
    if value[-1] in "\r\n" or value[0] == "\ufeff":
        return "begins or ends with a line end or byte-order mark, which would count as part of it"
    if len(value) > 1 and value[0] == value[-1] and value[0] in QUOTES:
        return "stands in quotes, which would count as part of it: leave them out"
    return None


def _has_quote(value: str) -> bool:
    return value[0] in "\"'`" or value[-1] in "\"'`"


def _read_env_file(
    path: str | Path | None, kinds: Iterable[str], environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return what a `.env` file sets, which need not be there, and each line that is no setting.

    A line passed over could have been the Codat key, and the sandbox would be started instead.
    """
    if path is None or not (Path(path).exists() or Path(path).is_symlink()):
        return {}, []
    try:
        text = read_text(Path(path), may_be_empty=True)
    except BadFile as error:
        return {}, [str(error)]
    known, faults = _known(kinds), []
    given = {name: value for name, value in environ.items() if value}
    values: dict[str, str] = {}
    lines: dict[str, int] = {}  # on which each was set
    for binding in parse_stream(io.StringIO(text)):
        line, name = _line(binding.original), binding.key
        at = f"{path} line {line}"
        if name is None and not binding.error:
            continue  # empty, or a comment
        if name is None or binding.error or binding.value is None or not NAME.fullmatch(name):
            faults.append(f"{at}: must read NAME=value; quotes that are opened must be closed")
            continue
        value, is_whole = _resolved(binding.value, given | values)
        if name not in known:
            meant = near(name, known)
            if meant or name.startswith(PREFIXES):
                faults.append(f"{at}: {not_a_setting(name, meant)}")
        elif not is_whole and name not in given:
            faults.append(f"{at}: {name} refers by ${{}} to what is not set")
        elif value and values.get(name, value) != value:
            faults.append(f"{at}: {name} is set on line {lines[name]} too; keep one of them")
        if value and is_whole:  # what is empty counts as unset, so it takes nothing back
            values[name], lines[name] = value, line
    return values, faults


def _resolved(value: str, held: Mapping[str, str]) -> tuple[str, bool]:
    """Return a value with what it refers to by ${} put in, and whether all of that is set."""
    atoms = list(parse_variables(value))
    needed = [one.name for one in atoms if isinstance(one, Variable) and one.default is None]
    return "".join(one.resolve(held) for one in atoms), all(name in held for name in needed)


def _line(original: Original) -> int:
    """Return the number of the line on which a statement begins, after empty ones before it."""
    text = original.string
    before = text[: len(text) - len(text.lstrip())]
    return original.line + len(re.findall(r"\r\n|\n|\r", before))
