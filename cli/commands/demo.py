"""Play a story of companies linking, against the sandbox."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
import requests
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.addresses import session_for
from cli.client import Api, uses_api
from cli.data_dir import settings_here
from cli.faults import CannotStart, Failed, Unreachable
from cli.output import STYLES
from cli.story import Character, gaps, lines

ORDER = 20
# Xero, QuickBooks Online, FreeAgent, Zoho Books, FreshBooks, Sage Intacct
PLATFORMS = ("gbol", "qhyg", "fbrh", "rwuv", "vxvy", "knfz")
PATIENCE = 60.0  # seconds for each act
MENTIONED = {"company.status_changed", "company.renamed"}
POLL = 2  # seconds per long poll
PAGE = 500
REAL = (
    "The demo makes companies up, so it plays with the sandbox only, and this service asks Codat"
    " itself. Unset CODAT_API_KEY and CODAT_API_URL to try it."
)


@click.command()
@click.option("--companies", "count", default=6, show_default=True, type=click.IntRange(1, 500))
@click.option("--seed", default=1, show_default=True, help="Decides who links which platform.")
@uses_api
def demo(*, api: Api, count: int, seed: int) -> None:
    """Create companies with dummy names, link them, and watch what becomes of them.

    Uses nothing but the service's API and the sandbox's controls. Ends with 1 unless every company
    is Linked under its real name in the end, and the event log has no gap.

    \b
    Examples:
      codat-relay demo
      codat-relay demo --companies 50 --seed 7
    """
    settings = settings_here()
    if not settings.uses_sandbox or not api.get("/v1/status")["uses_sandbox"]:
        raise CannotStart(REAL)
    # Only a token that may operate previews: another is refused before anything is said.
    api.post("/v1/reconciliations", {"all": True, "preview": True})
    Demo(api, Sandbox(settings.api_url), Console(), random.Random(seed)).play(count)  # noqa: S311


class Sandbox:
    """The sandbox's controls: what a customer, or a platform, does to a company."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = session_for(url)

    def does(self, act: str, company_id: str, **how: str) -> None:
        """Do `act` to a company; raises Unreachable or Failed."""
        address = f"{self.url}/sandbox/companies/{company_id}/{act}"
        try:
            answer = self._session.post(address, json=how, timeout=10)
        except requests.RequestException:
            raise Unreachable(f"The sandbox at {self.url} does not answer.") from None
        if not answer.ok:
            raise Failed(f"The sandbox refused to {act}: {answer.status_code} {answer.text[:200]}")


class Demo:
    """One performance."""

    def __init__(self, api: Api, sandbox: Sandbox, console: Console, choice: random.Random) -> None:
        self._api = api
        self._sandbox = sandbox
        self._console = console
        self._choice = choice
        self._cast: dict[str, Character] = {}

    def play(self, count: int) -> None:
        """Play it; raises Failed when it does not end well."""
        began = self._cursor = int(self._api.get("/v1/status")["last_event"])
        with self._shown():
            self._say(f"{count} companies are created under dummy names.")
            self._create(count)
            self._say("Their customers authorise access to their accounting software.")
            for company_id in self._cast:
                key = self._choice.choice(PLATFORMS)
                self._sandbox.does("authorise", company_id, platformKey=key)
            self._wait("Linked, renamed and synced", Character.has_arrived)
            self._lose_one()
        self._tell(began)

    def _create(self, count: int) -> None:
        for _ in range(count):
            made = self._api.post("/v1/companies", {})
            self._cast[made["id"]] = Character(made["id"], made["name"])

    def _lose_one(self) -> None:
        lost = self._choice.choice(list(self._cast.values()))
        self._say(f"{lost.real_name} withdraws its authorisation ...")
        self._sandbox.does("deauthorise", lost.id)
        self._wait("Deauthorised", lambda one: one is not lost or one.status == "Deauthorised")
        self._say("... and links again.")
        self._sandbox.does("relink", lost.id)
        self._wait("Linked again", Character.has_arrived)

    def _wait(self, what: str, done: Callable[[Character], bool]) -> None:
        """Follow the log until all are done; raises Failed when a minute was not enough."""
        deadline = time.monotonic() + PATIENCE
        while waiting := [one for one in self._cast.values() if not done(one)]:
            if time.monotonic() > deadline:
                raise Failed(_too_slow(what, waiting))
            page = self._api.get("/v1/events", after=self._cursor, limit=PAGE, wait=POLL)
            self._cursor = int(page["cursor"])
            for event in page["events"]:
                if one := self._cast.get(event.get("subject")):
                    one.sees(event)
                    self._mention(one)

    def _tell(self, began: int) -> None:
        """Tell the story again from the log, and see that nothing is missing or untrue."""
        events = list(self._read(began))
        names = {one.id: one.dummy_name for one in self._cast.values()}
        self._print("\nThe story, from the event log:\n")
        for line in lines(events, names):
            self._print(line)
        if missing := gaps(events, began):
            raise Failed(f"The event log has gaps; missing: {missing[:10]}")
        for one in self._cast.values():
            held = self._api.get(f"/v1/companies/{one.id}")
            if held["status"] != "Linked" or held["name"] in ("", one.dummy_name):
                raise Failed(
                    f"{one.dummy_name} ({one.id}) ended {held['status']} as {held['name']!r}, not"
                    " Linked under its real name."
                )
        self._print(
            f"\nAll {len(self._cast)} companies are Linked under their real names;"
            f" {len(events)} events, no gap in the log."
        )

    def _read(self, cursor: int) -> Iterator[dict[str, Any]]:
        while (page := self._api.get("/v1/events", after=cursor, limit=PAGE))["events"]:
            yield from page["events"]
            cursor = page["cursor"]

    def _say(self, text: str) -> None:
        self._print(f"\n{text}")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _shown(self) -> AbstractContextManager[object]:
        """Keep a live table of the cast on a terminal; elsewhere `_mention` prints lines."""
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            console=self._console,
            get_renderable=lambda: _table(list(self._cast.values())),
            refresh_per_second=8,
        )

    def _mention(self, one: Character) -> None:
        if not self._console.is_terminal and one.last_event in MENTIONED:
            self._print(
                f"  {one.dummy_name}  {one.status}  {one.real_name or '-'}  {one.last_event}"
            )


def _table(cast: list[Character]) -> Table:
    table = Table(header_style="bold")
    for head in ("company", "dummy name", "status", "real name", "synced", "last event"):
        table.add_column(head, overflow="ellipsis", no_wrap=True)
    for one in cast:
        table.add_row(
            one.id[:8],
            Text(one.dummy_name),
            Text(one.status, style=STYLES.get(one.status, "")),
            Text(one.real_name or "-"),
            str(one.synced) if one.synced else "-",
            one.last_event,
        )
    return table


def _too_slow(what: str, waiting: list[Character]) -> str:
    found = "\n".join(
        f"  {one.dummy_name} ({one.id}): {one.status}, real name {one.real_name or 'not yet'},"
        f" {one.synced} data types synced, last event {one.last_event}"
        for one in waiting[:10]
    )
    return f"Not {what} within {PATIENCE:.0f} s:\n{found}\n`codat-relay status` may tell why."
