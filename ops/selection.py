"""Options by which a command is told which companies it is about, and what that costs."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from ops.commands.companies import path_part
from relay.company import CompanyStatus


@dataclass(frozen=True, slots=True)
class Chosen:
    """The companies that were named, or all of a filter, or `all`."""

    companies: tuple[str, ...]
    status: str | None
    platform: str | None
    all: bool

    def body(self) -> dict[str, Any]:
        """Give it as the API takes it."""
        given = {
            "companies": list(self.companies),
            "status": self.status,
            "platform": self.platform,
            "all": self.all,
        }
        return {name: value for name, value in given.items() if value}


def chooses(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument COMPANY... and a filter, handed to it as `chosen`."""

    @click.argument("companies", nargs=-1, metavar="[COMPANY]...")
    @click.option("--status", type=click.Choice([status.value for status in CompanyStatus]))
    @click.option("--platform", help="Only companies on this platform: its key or name.")
    @click.option("--all", "everyone", is_flag=True, help="Every company.")
    @functools.wraps(command)
    def with_choice(
        *,
        companies: Sequence[str],
        status: str | None,
        platform: str | None,
        everyone: bool,
        **named: Any,
    ) -> None:
        ids = tuple(path_part(company) for company in companies)
        if [bool(ids), bool(status or platform), everyone].count(True) != 1:
            raise click.UsageError("Name companies, or give a filter, or --all.")
        command(chosen=Chosen(ids, status, platform, everyone), **named)

    return with_choice


def cost_in_words(cost: dict[str, Any]) -> str:
    """Say what the API's `cost` means: how many companies and calls, of how many left today."""
    left = cost["calls_left_today"]
    known = "" if left is None else f" of {left} left today"
    text = f"{cost['companies']} companies, {cost['calls']} calls to Codat{known}."
    return text if cost["fits_today"] else f"{text} What does not fit waits for the next day."
