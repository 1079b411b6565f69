"""Set the schedules of a CSV file."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from pydantic import ValidationError

from cli.client import Api, uses_api
from cli.output import as_json
from cli.schedules import ScheduleChange, set_many
from cli.selection import FILE
from codat.records import read_id
from relay.files import BadFile, Record, read_table
from relay.nearest import hint_of
from relay.syncs.definition import Definition
from relay.syncs.policy import known_data_type

ORDER = 50
NUMBERS = ("minute", "hour", "weekday", "day", "spread", "every", "cap", "fresh")
WORDS = ("cadence", "timezone", "catch_up")
NEEDED = ("company_id", "data_type", "cadence")
YES_NO = dict.fromkeys(("yes", "true", "1"), True) | dict.fromkeys(("no", "false", "0"), False)


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--preview", is_flag=True, help="Show what each line comes to without saving.")
@click.option("--yes", is_flag=True, help="Do not ask when Codat's limits would not cover it.")
@as_json
@uses_api
def import_schedules(*, api: Api, file: Path, preview: bool, yes: bool, as_json: bool) -> None:
    """Set the schedules of a CSV file with a head line.

    Columns: company_id, data_type, cadence, and as needed hour, minute, weekday, day, timezone,
    spread, every, catch_up, cap, fresh, off. The file is read whole before anything is set.

    \b
    Examples:
      codat-relay cadence import schedules.csv --preview
    """
    set_many(api, list(_lines(file)), preview=preview, yes=yes, as_json=as_json)


def _lines(file: Path) -> Iterator[ScheduleChange]:
    """Read what each line wants, every line judged as the API would; raises BadFile."""
    seen: dict[tuple[str, str], str] = {}
    for line in read_table(file, NEEDED, COLUMNS):
        one = _change(line)
        before = seen.setdefault((one.company_id, one.data_type), line.where)
        if before != line.where:
            raise BadFile(f"{line.where}: sets the same schedule as {before}")
        yield one


def _change(line: Record) -> ScheduleChange:
    given = dict(line.cells)
    company_id = read_id(given.pop("company_id"))
    if company_id is None:
        raise BadFile(f"{line.where}: {line.cells['company_id'][:64]!r} is not a company's id")
    try:
        data_type = known_data_type(given.pop("data_type"))
        body = {name: CONVERT[name](value) for name, value in given.items()}
        Definition.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ") + hint_of(first)
        raise BadFile(f"{line.where}: {'.'.join(map(str, first['loc']))} {said}".rstrip()) from None
    except ValueError as error:
        raise BadFile(f"{line.where}: {error}") from None
    return ScheduleChange(company_id, data_type, body)


def _number(text: str) -> int:
    """Read a whole number, as spreadsheets write it too; raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", text):
        raise ValueError(f"{text[:20]!r} is not a whole number")
    return int(text.partition(".")[0])


def _is_off(text: str) -> bool:
    word = text.casefold()
    if word not in YES_NO:
        raise ValueError(f"off takes yes or no, not {text[:20]!r}")
    return YES_NO[word]


CONVERT: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(WORDS, str),
    "off": _is_off,
}
COLUMNS = (*NEEDED[:2], *CONVERT)
