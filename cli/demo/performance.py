"""One performance of the demo, from creating the companies to the story in the event log."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from cli.client import Api
from cli.demo.sandbox import Sandbox
from cli.demo.schedule import DATA_TYPE, soonest
from cli.demo.story import Character, gaps, lines
from cli.demo.table import table
from cli.faults import Failed

# Xero, QuickBooks Online, FreeAgent, Zoho Books, FreshBooks, Sage Intacct
PLATFORMS = ("gbol", "qhyg", "fbrh", "rwuv", "vxvy", "knfz")
ACT_TIMEOUT = 60.0  # seconds for each act
MENTIONED = {"company.status_changed", "company.renamed", "sync.requested"}
POLL_SECONDS = 2  # of a long poll
PAGE = 500


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
            self._link()
            self._sync_one_on_schedule()
            self._lose_one()
        self._show_story(began)

    def _create(self, count: int) -> None:
        for _ in range(count):
            made = self._api.post("/v1/companies", {})
            self._cast[made["id"]] = Character(made["id"], made["name"])

    def _link(self) -> None:
        self._say("Their customers choose their accounting software ...")
        for company_id in self._cast:
            key = self._choice.choice(PLATFORMS)
            self._sandbox.does("choose", company_id, platformKey=key)
        # Webhooks come in any order: one that comes late would be logged as stale.
        self._wait("PendingAuth", lambda one: one.status == "PendingAuth")
        self._say("... and authorise access to it.")
        for company_id in self._cast:
            self._sandbox.does("authorise", company_id)
        self._wait("Linked, renamed and synced", Character.has_arrived)

    def _sync_one_on_schedule(self) -> None:
        one = self._choice.choice(list(self._cast.values()))
        schedule, due = soonest(self._api, one.id)
        self._api.put(f"/v1/schedules/{one.id}/{DATA_TYPE}", schedule)
        at = f"{due:%H:%M:%S} UTC"
        self._say(f"The {DATA_TYPE} of {one.real_name} are synced every hour, next at {at}.")
        self._wait(
            f"synced on schedule at {at}",
            lambda other: other is not one or one.has_synced_on_schedule(),
            ACT_TIMEOUT + (due - datetime.now(UTC)).total_seconds(),
        )

    def _lose_one(self) -> None:
        lost = self._choice.choice(list(self._cast.values()))
        self._say(f"{lost.real_name} withdraws its authorisation ...")
        self._sandbox.does("deauthorise", lost.id)
        self._wait("Deauthorised", lambda one: one is not lost or one.status == "Deauthorised")
        self._say("... and links again.")
        self._sandbox.does("relink", lost.id)
        self._wait("Linked again", Character.has_arrived)

    def _wait(
        self, what: str, done: Callable[[Character], bool], seconds: float = ACT_TIMEOUT
    ) -> None:
        """Follow the log until all are done; raises Failed when `seconds` were not enough."""
        deadline = time.monotonic() + seconds
        while waiting := [one for one in self._cast.values() if not done(one)]:
            if time.monotonic() > deadline:
                raise Failed(_too_slow(what, waiting, seconds))
            page = self._api.get("/v1/events", after=self._cursor, limit=PAGE, wait=POLL_SECONDS)
            self._cursor = int(page["cursor"])
            for event in page["events"]:
                if one := self._cast.get(event.get("subject")):
                    one.sees(event)
                    self._mention(one)

    def _show_story(self, began: int) -> None:
        """Print the story from the log, and see that nothing is missing or untrue."""
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
            get_renderable=lambda: table(list(self._cast.values())),
            refresh_per_second=8,
        )

    def _mention(self, one: Character) -> None:
        if not self._console.is_terminal and one.last_event in MENTIONED:
            self._print(
                f"  {one.dummy_name}  {one.status}  {one.real_name or '-'}  {one.last_event}"
            )


def _too_slow(what: str, waiting: list[Character], seconds: float) -> str:
    found = "\n".join(
        f"  {one.dummy_name} ({one.id}): {one.status}, real name {one.real_name or 'not yet'},"
        f" {one.synced} data types synced, last event {one.last_event}"
        for one in waiting[:10]
    )
    return f"Not {what} within {seconds:.0f} s:\n{found}\n`codat-relay status` may show why."
