"""Show schedules as a table."""

from typing import Any

from cli.next_run import next_in_words
from cli.output import Columns, print_json, show_rows

NOTHING = "Nothing is scheduled."
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _when(row: Any) -> str:
    match row["cadence"]:
        case "hourly":
            if row["every"] > 1:
                return f"{row['hour'] % row['every']:02}:{row['minute']:02} every {row['every']} h"
            return f":{row['minute']:02}"
        case "weekly":
            day = f"{DAYS[row['weekday'] - 1]} "
        case "monthly":
            day = f"day {row['day']}, "
        case _:
            day = ""
    return f"{day}{row['hour']:02}:{row['minute']:02}"


COLUMNS: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "cadence": lambda row: row["cadence"],
    "at": _when,
    "time zone": lambda row: row["timezone"],
    "set by": lambda row: row["origin"],
    "next": next_in_words,
}


def show(answer: dict[str, Any], as_json: bool, empty: str = NOTHING) -> None:
    """Show the schedules of an answer of the API."""
    if as_json:
        print_json(answer)
    else:
        show_rows(answer["schedules"], COLUMNS, empty=empty)
