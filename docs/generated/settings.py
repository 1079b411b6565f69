"""Settings: read from the source of the settings model, heading by heading."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import relay.settings
from docs.generated.markdown import note, table
from relay.settings import Settings

HEADING = re.compile(r"    # -- (.+)")


def page() -> Iterator[str]:
    """Yield the page's lines."""
    yield "# Settings"
    yield note("`relay/settings.py`")
    yield """
Settings come from the environment or from `.env`. Each can also be given as `NAME_FILE`, the path
of a file that holds the value. `codat-relay config` shows every setting and where it comes from,
with secrets hidden.

All faults are named at once, and the exit code is then 2. Entries of a list are separated by commas
or line ends. Spaces, line ends and byte-order marks around a value do not count. These are faults:

- quotes around a value, except in `.env`, which takes them off;
- control characters in a value, and files that are not UTF-8;
- lines of `.env` that set nothing, or set a name to a second value;
- `${NAME}` in `.env` where `NAME` is not set;
- a name in `.env` that looks like a setting and is none. In the environment that is only a warning.
"""
    rows: list[tuple[str, ...]] = []
    for item in _fields():
        if isinstance(item, str):
            yield from _table_of(rows)
            rows = []
            yield f"## {item}\n"
        else:
            rows.append(item)
    yield from _table_of(rows)


def _table_of(rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield from table(("Name", "Meaning", "When not set"), rows)


def _fields() -> Iterator[str | tuple[str, str, str]]:
    """Yield the headings and fields of the settings model in the order of its source."""
    source = Path(relay.settings.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    [model] = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    ]
    for field, text in zip(model.body, model.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if heading := HEADING.fullmatch(lines[field.lineno - 2]):
            yield heading[1]
        if not isinstance(text, ast.Expr) or not isinstance(text.value, ast.Constant):
            raise TypeError(f"{field.target.id} has no text under it in relay/settings.py")
        yield _setting(field.target.id, str(text.value.value))


def _setting(name: str, text: str) -> tuple[str, str, str]:
    meaning, _, unset = text.partition("Unset:")
    default = Settings.model_fields[name].default
    if not unset:
        shown = ", ".join(default) if isinstance(default, tuple) else str(default)
        unset = f"`{shown}`" if shown else "none"
    return f"`{name.upper()}`", meaning + _bounds(name), unset.strip().removesuffix(".")


def _bounds(name: str) -> str:
    limits = {
        key: getattr(one, key)
        for one in Settings.model_fields[name].metadata
        for key in ("ge", "gt", "le")
        if hasattr(one, key)
    }
    if not limits:
        return ""
    low = f"{limits['ge']:,}" if "ge" in limits else f"above {limits['gt']}"
    return f" ({low} to {limits['le']:,})"
