"""Options that take one of some words: another is refused with the nearest."""

from collections.abc import Iterable
from typing import Any

import click

from relay.nearest import nearest


class OneOf(click.Choice[str]):
    """One of some words, in any case."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__([str(word) for word in words], case_sensitive=False)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Name the words as they are written."""
        return f"[{'|'.join(self.choices)}]"

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Name the nearest word first, then all."""
        near = nearest(str(value), self.choices)
        ahead = f" Did you mean {near}?" if near else ""
        return f"{value!r} is not known.{ahead} There are {', '.join(self.choices)}."
