"""Check settings, server, service, Codat and clock."""

import sys
from dataclasses import asdict

import click

from cli.checkup import WRONG, findings
from cli.client import service_url, url_option
from cli.data_dir import local_settings
from cli.output import Columns, as_json, print_json, show_rows
from relay.masking import without_secrets

ORDER = 180
COLUMNS: Columns = {
    "check": lambda row: row["check"],
    "verdict": lambda row: row["verdict"],
    "detail": lambda row: row["detail"],
}


@click.command()
@url_option
@as_json
def doctor(*, url: str | None, as_json: bool) -> None:
    """Check settings, server and its durability, service, Codat and clock.

    Ends with 0 when nothing is wrong, else with the code of the first thing that is.

    \b
    Examples:
      codat-relay doctor
    """
    settings = local_settings()
    found = list(findings(settings, service_url(settings, url)))
    rows = [{**asdict(one), "detail": without_secrets(one.detail)} for one in found]
    if as_json:
        print_json({"findings": rows})
    else:
        show_rows(rows, COLUMNS)
    sys.exit(next((finding.code for finding in found if finding.verdict == WRONG), 0))
