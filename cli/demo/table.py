"""The demo's table of companies, which grows on a terminal."""

from rich.table import Table
from rich.text import Text

from cli.demo.story import Character
from cli.output import STYLES


def table(cast: list[Character]) -> Table:
    """Return the table of the companies as they are now."""
    found = Table(header_style="bold")
    for head in ("company", "dummy name", "status", "real name", "synced", "last event"):
        found.add_column(head, overflow="ellipsis", no_wrap=True)
    for one in cast:
        found.add_row(
            one.id[:8],
            Text(one.dummy_name),
            Text(one.status, style=STYLES.get(one.status, "")),
            Text(one.real_name or "-"),
            str(one.synced) if one.synced else "-",
            one.last_event,
        )
    return found
