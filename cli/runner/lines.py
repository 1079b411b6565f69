"""Shows the output of several processes: named and coloured on a terminal, untouched elsewhere."""

from contextlib import suppress
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green")
LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}
OURS = "relay"
SHOWN_APART = ("event", "level", "timestamp", "exception")


class Lines:
    """Writes lines to a console."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._width = max(map(len, [*names, OURS]))
        self._styles = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}

    def line(self, name: str, text: str) -> None:
        """Show a line of a process; a JSON log line is made readable on a terminal."""
        if not self._console.is_terminal:
            self._write(Text(text))
            return
        label = Text(f"{name:<{self._width}} | ", style=self._styles.get(name, "bold"))
        self._write(label + readable(text))

    def say(self, text: str) -> None:
        """Show a line of our own."""
        if not self._console.is_terminal:
            self._write(Text(text))
            return
        label = Text(f"{OURS:<{self._width}} | ", style="bold")
        self._write(label + Text(text))

    def _write(self, text: Text) -> None:
        with suppress(OSError):  # a full disk or a closed pipe ends the output, not the service
            self._console.print(text, soft_wrap=True, highlight=False, markup=False)


def readable(line: str) -> Text:
    """Turn one JSON log line into `time event key=value`; anything else stays as it is."""
    entry = _entry(line)
    if entry is None:
        return Text.from_ansi(line)
    level = str(entry.get("level", ""))
    text = Text(str(entry.get("timestamp", ""))[11:19] + " ", style="dim")
    text.append(str(entry["event"]), style=LEVEL_STYLES.get(level, ""))
    for name, value in entry.items():
        if name not in SHOWN_APART:
            text.append(f" {name}=", style="dim").append(str(value))
    if "exception" in entry:
        text.append("\n" + str(entry["exception"]), style="red")
    return text


def _entry(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and "event" in entry else None
