"""Options that choose the companies of a command, and what the choice costs."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from cli.choices import OneOf
from cli.client import Api, path_part
from codat.records import read_id
from relay.companies.company import CompanyStatus
from relay.files import BadFile, Row, read_rows, separated

PAGE = 500
MAX_IDS = 1000  # ids that the API takes in one request
EVERYONE = "all"
COLUMN = "company_id"
HEADS = ("companyid", "id", "company")  # however it is written
NOT_LETTERS = re.compile(r"[\s_-]")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The companies that were named, or all of a filter, or `all`."""

    companies: tuple[str, ...]
    status: str | None
    platform: str | None
    all: bool

    def __bool__(self) -> bool:
        """Whether any choice was made."""
        return bool(self.companies or self.status or self.platform or self.all)

    def ids(self, api: Api) -> list[str]:
        """Return the companies' ids, looked up where a filter was given."""
        if self.companies:
            return list(self.companies)
        wanted = {"status": self.status, "platform": self.platform, "limit": PAGE}
        return [one["id"] for one in api.pages("/v1/companies", "companies", **wanted)]

    def parts(self) -> Iterator["Chosen"]:
        """Return it in pieces that the API takes in one request each."""
        for some in batched(self.companies, MAX_IDS) or [self.companies]:
            yield replace(self, companies=some)

    def body(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        given = {
            "companies": list(self.companies),
            "status": self.status,
            "platform": self.platform,
            "all": self.all,
        }
        return {name: value for name, value in given.items() if value}


def ids_in(file: Path) -> tuple[str, ...]:
    """Return the ids of a CSV file, each once: of its column company_id, or else of the first.

    That column may be called `companyId`, `company` or `id` too. Raises relay.files.BadFile.
    """
    rows = read_rows(file)
    column = _column_of_ids(file, rows[0])
    has_head, column = column is not None, column or 0
    found = dict[str, None]()
    for row in rows[has_head:]:
        given = row.cells[column] if column < len(row.cells) else ""
        company_id = read_id(given)
        if company_id is None:
            said = f"{given[:64]!r} is not a company's id" if given else f"{COLUMN} is missing"
            raise BadFile(f"{file} line {row.line}: {said}{separated(row.cells)}")
        found[company_id] = None
    if not found:
        raise BadFile(f"{file} names no company")
    return tuple(found)


def _column_of_ids(file: Path, first: Row) -> int | None:
    """Return which column a file's head says holds the ids; None for a file without a head."""
    names = [NOT_LETTERS.sub("", cell.lower()) for cell in first.cells]
    for name in HEADS:
        if names.count(name) > 1:
            raise BadFile(
                f"{file} line {first.line}: names the column {first.cells[names.index(name)]} twice"
            )
        if name in names:
            return names.index(name)
    return None


def batched(ids: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """Return ids in pieces of at most so many."""
    return [tuple(ids[first : first + most]) for first in range(0, len(ids), most)]


def chooses(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command the argument COMPANY... and a filter, handed to it as `chosen`."""
    return _chooses(command, needed=True)


def may_choose(command: Callable[..., None]) -> Callable[..., None]:
    """As `chooses`, for a command that means all companies when nothing is said."""
    return _chooses(command, needed=False)


def _chooses(command: Callable[..., None], *, needed: bool) -> Callable[..., None]:
    @click.argument("companies", nargs=-1, metavar="[COMPANY]...")
    @click.option("--status", type=OneOf(CompanyStatus))
    @click.option("--platform", help="Only companies on this platform: its key or name.")
    @click.option("--file", type=FILE, help="The companies of a CSV file, by company_id.")
    @click.option("--all", "everyone", is_flag=True, help="Every company.")
    @functools.wraps(command)
    def with_choice(
        *,
        companies: Sequence[str],
        status: str | None,
        platform: str | None,
        file: Path | None,
        everyone: bool,
        **named: Any,
    ) -> None:
        ids = tuple(path_part(company) for company in companies)
        if file is not None:
            ids += ids_in(file)
        said = [bool(ids or file), bool(status or platform), everyone].count(True)
        if said > 1 or said < needed:
            raise click.UsageError("Name companies, or a --file of them, or a filter, or --all.")
        command(chosen=Chosen(ids, status, platform, everyone), **named)

    return with_choice


def company_or_all(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command the filters of COMPANY `all`, handed to it as `chosen`, None for one."""

    @click.option("--platform", help="With COMPANY all: only companies on it, by key or name.")
    @click.option("--status", type=OneOf(CompanyStatus))
    @click.option("--file", type=FILE, help="With COMPANY all: those of a CSV file.")
    @functools.wraps(command)
    def with_filters(
        *,
        company_id: str,
        platform: str | None,
        status: str | None,
        file: Path | None,
        **named: Any,
    ) -> None:
        if company_id != EVERYONE and (platform or status or file):
            raise click.UsageError("--platform, --status and --file narrow COMPANY `all`.")
        if file and (platform or status):
            raise click.UsageError("Give a --file or a filter, not both.")
        chosen = None
        if company_id == EVERYONE:
            ids = ids_in(file) if file else ()
            chosen = Chosen(ids, None if ids else status or "Linked", platform, all=False)
        command(company_id=company_id, chosen=chosen, **named)

    return with_filters


def cost_in_words(cost: dict[str, Any]) -> str:
    """Return the API's `cost` in words: how many companies and calls, of how many left today.

    The calls are the least it takes: what follows depends on what Codat answers.
    """
    left = cost["calls_left_today"]
    known = "" if left is None else f" of {left} left today"
    text = f"{cost['companies']} companies, at least {cost['calls']} calls to Codat{known}."
    return text if cost["fits_today"] else f"{text} What does not fit waits for the next day."
