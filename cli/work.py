"""Enqueue work for Codat: ask first when it is much, then follow it to its end."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.client import Api
from cli.faults import Failed, Interrupted, NotAccepted, Unreachable
from cli.output import Columns, print_json, show_rows
from cli.selection import Chosen, cost_in_words

One = TypeVar("One")
Result = TypeVar("Result")

POLL_SECONDS = 0.5  # seconds
WORTH_WAITING = timedelta(minutes=2)
SHOWN = 20  # of what was not done, by name
PAGE = 500  # that the API lists at once
LAST = "The one under way may be done too."
UNTOUCHED = "nothing was done."
NO_COMPANY = "No company fits: nothing was done."
NOT_DONE: Columns = {
    "not done": lambda row: row["name"],
    "reason": lambda row: row["reason"],
}


def enqueue_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command the options that `enqueue` takes."""
    for option in (
        click.option("--no-wait", is_flag=True, help="Enqueue it and return."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--preview", is_flag=True, help="Only show what it would cost."),
    ):
        command = option(command)
    return command


def bar() -> Progress:
    """Return a progress bar with rate and time left; without a terminal it shows nothing."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        disable=not sys.stderr.isatty(),
    )


@contextmanager
def goes_on(rest: Callable[[], str]) -> Iterator[None]:
    """Follow what goes on by itself; who stops following it is shown the `rest`."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(f"Interrupted: {rest()}") from None
    except Unreachable as error:
        raise Unreachable(f"{error}\nWhat became of it is not known: {rest()}") from None


def each(
    items: Sequence[One],
    what: str,
    act: Callable[[One], Result],
    size: Callable[[One], int] = lambda _: 1,
    *,
    changes: bool = True,
) -> list[Result]:
    """Do something with one item after another, and show how many were done.

    `size`: how many an item counts for. When it ends early, the error says what was done before:
    nothing by what only looks, without `changes`.
    """
    total, done, results = sum(map(size, items)), 0, list[Result]()
    try:
        with bar() as progress:
            task = progress.add_task(what, total=total, rate="")
            for one in items:
                results.append(act(one))
                done += size(one)
                progress.update(task, completed=done)
    except (KeyboardInterrupt, Interrupted):
        rest = f"{done} of {total} were done and stay so. {LAST} The rest was not begun."
        raise Interrupted(f"Interrupted: {rest if changes else UNTOUCHED}") from None
    except (Failed, NotAccepted, Unreachable) as error:
        if not (done and changes):
            raise
        raise type(error)(f"{error}\n{done} of {total} were done before, and stay so.") from None
    return results


class Work:
    """Work that is enqueued for Codat, and followed to its end."""

    def __init__(self, api: Api, path: str, body: dict[str, Any], counted: str) -> None:
        self._api = api
        self._path = path
        self._body = body
        self._counted = counted
        self.answer: dict[str, Any] = {}

    @property
    def left(self) -> int:
        """How much was enqueued."""
        return int(self.answer[self._counted])

    @property
    def like(self) -> list[str]:
        """The patterns of the names of its intents."""
        return list(self.answer["like"])

    def preview(self) -> dict[str, Any]:
        """Ask what it would cost."""
        return dict(self._api.post(self._path, self._body | {"preview": True}))

    def begin(self, like: Iterable[str]) -> None:
        """Enqueue it; `like` as the preview said."""
        self._waited = _total(self._api, "waiting", like)
        self._dead = {_identity(one) for one in _listed(self._api, like)}
        self._begun_after = self._api.get("/v1/status")["last_event"]
        self.answer = dict(self._api.post(self._path, self._body))

    def follow(self) -> None:
        """Show how it grows less, to the end; raises Failed, Interrupted or Unreachable."""
        self._done = 0
        with goes_on(self._rest), bar() as progress:
            task = progress.add_task("At Codat", total=self.left, rate="")
            while True:
                waiting = _total(self._api, "waiting", self.like)
                self._done = min(self.left, max(0, self.left + self._waited - waiting))
                speed = progress.tasks[0].speed
                rate = f"{speed:,.0f}/s" if speed else ""
                progress.update(task, completed=self._done, rate=rate)
                if self._done >= self.left:
                    return
                if until := _held(self._api.get("/v1/status")["budget"]):
                    done = f"{self._done} of {self.left} done"
                    raise Failed(f"{done}; the rest goes on by itself from {until} on.")
                time.sleep(POLL_SECONDS)

    def given_up(self) -> list[dict[str, str]]:
        """Name what was given up since it began, with the reason."""
        return [
            {"name": one["name"], "reason": one["last_error"] or "unknown"}
            for one in _listed(self._api, self.like)
            if _identity(one) not in self._dead
        ]

    def events(self, *types: str) -> Iterator[dict[str, Any]]:
        """Yield the events of these types since it began."""
        cursor = self._begun_after
        while True:
            page = self._api.get("/v1/events", after=cursor, type=list(types), limit=PAGE)
            yield from page["events"]
            if page["cursor"] == cursor:
                return
            cursor = page["cursor"]

    def _rest(self) -> str:
        stop = " ".join(f"--like '{one}'" for one in self.like[:1])
        return (
            f"{self._done} of {self.left} are done, and the rest goes on by itself."
            " `codat-relay intents` shows it;"
            f" `codat-relay intents withdraw {stop}` stops what has not begun."
        )


def enqueue(
    work: Work,
    *,
    named: bool,
    preview: bool,
    yes: bool,
    no_wait: bool,
    as_json: bool,
    everything: bool = False,
    empty: str = NO_COMPANY,
    outcome: Callable[[Work], list[dict[str, str]]] = Work.given_up,
) -> None:
    """Enqueue work for Codat and show its outcome; raises Failed where not all of it was done.

    A person is shown the cost and asked first, without `yes` and unless each was `named`. With
    nothing to do the same is raised, unless `everything` there is was meant. `outcome` names
    what was not done.
    """
    shown = work.preview()
    cost = shown["cost"]
    if preview or not (cost["calls"] or cost["companies"]):
        print_json(shown) if as_json else _show_preview(
            shown, empty if preview or everything else ""
        )
        if not (preview or everything):
            raise Failed(empty)
        return
    if not (yes or named or as_json):
        click.confirm(f"{cost_in_words(cost)} Go on?", abort=True)
    work.begin(shown["like"])
    if no_wait:
        print_json(work.answer) if as_json else click.echo(f"{work.left} left.")
        _fail(_not_linked(work.answer), work.left, as_json=as_json)
        return
    work.follow()
    not_done = outcome(work)
    if as_json:
        print_json(work.answer | {"not_done": not_done})
    else:
        click.echo(f"{work.left - len(not_done)} done.")
    _fail(not_done, work.left, as_json=as_json)


def _show_preview(shown: dict[str, Any], empty: str) -> None:
    if not_linked := _not_linked(shown):
        show_rows(not_linked[:SHOWN], NOT_DONE)
    cost = shown["cost"]
    if text := cost_in_words(cost) if cost["calls"] or cost["companies"] else empty:
        click.echo(text)


def _not_linked(answer: dict[str, Any]) -> list[dict[str, str]]:
    """Name the companies that will not be synced, as far as is known."""
    found = answer.get("not_linked", ())
    return [{"name": one["company_id"], "reason": one["reason"]} for one in found]


def _fail(not_done: Sequence[dict[str, str]], asked: int, *, as_json: bool) -> None:
    if not not_done:
        return
    if not as_json:
        show_rows(not_done[:SHOWN], NOT_DONE)
    raise Failed(_count_of(not_done, asked))


def _count_of(not_done: Sequence[dict[str, str]], asked: int) -> str:
    """Return how many were not done, by reason, and where to see the rest of them."""
    reasons: dict[str, int] = {}
    for one in not_done:
        reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
    why = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
    more = " `codat-relay intents --state dead` shows those given up."
    return f"{len(not_done)} of {asked} were not done. {why}.{more}"


def _held(budget: dict[str, Any]) -> str | None:
    """Return when calls go on, if none may be made for longer than is worth waiting."""
    spent = budget["remaining"] is not None and budget["remaining"] <= budget["reserved"]
    until: str | None = budget["resets"] if spent else budget["held_until"]
    if until is None or datetime.fromisoformat(until) - datetime.now(UTC) < WORTH_WAITING:
        return None
    return until


def _total(api: Api, state: str, like: Iterable[str]) -> int:
    """Count the intents of these names that are in a state."""
    lists = (api.get("/v1/intents", state=state, like=one, limit=1) for one in like)
    return sum(found["total"] for found in lists)


def _listed(api: Api, like: Iterable[str]) -> list[dict[str, Any]]:
    """List the latest intents of these names that were given up."""
    lists = (api.get("/v1/intents", state="dead", like=one, limit=PAGE) for one in like)
    return [one for found in lists for one in found["intents"]]


def _identity(intent: dict[str, Any]) -> tuple[str, str]:
    """Return what tells one attempt that was given up from another of the same name."""
    return intent["name"], intent["due"]


def in_parts(
    api: Api, path: str, chosen: Chosen, more: dict[str, Any], how: dict[str, Any], **ways: Any
) -> None:
    """Have work done for the companies chosen, as many in a request as the API takes.

    One part that fails stops no other; Failed is raised at the end with what each came to.
    """
    faults = []
    ways |= {"named": bool(chosen.companies), "everything": chosen.all}
    for part in chosen.parts():
        try:
            enqueue(Work(api, path, part.body() | more, "left"), **ways, **how)
        except Failed as error:
            faults.append(str(error))
    if faults:
        raise Failed("\n".join(faults))
