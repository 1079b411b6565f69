"""Leave work to be done at Codat: ask first when it is much, then follow it to its end."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops.api import Api
from ops.faults import Failed
from ops.output import print_json
from ops.selection import cost_in_words

One = TypeVar("One")

LOOK_EVERY = 0.5  # seconds
WORTH_WAITING = timedelta(minutes=2)


def leaves(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that `leave` takes."""
    for option in (
        click.option("--no-wait", is_flag=True, help="Leave it to be done and return."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--preview", is_flag=True, help="Only tell what it would cost."),
    ):
        command = option(command)
    return command


def bar() -> Progress:
    """Give a progress bar with rate and time left; without a terminal it shows nothing."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        disable=not sys.stderr.isatty(),
    )


def tracked(items: Sequence[One], what: str) -> Iterator[One]:
    """Give the items, and show how many of them were taken."""
    with bar() as progress:
        task = progress.add_task(what, total=len(items), rate="")
        for one in items:
            yield one
            progress.advance(task)


def leave(
    api: Api,
    path: str,
    body: dict[str, Any],
    counted: str,
    *,
    named: bool,
    preview: bool,
    yes: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Post `body`, whose answer counts under `counted` what it left; raises Failed for the dead.

    A person is shown the cost and asked first, without `yes` and unless each was `named`.
    """
    shown = api.post(path, body | {"preview": True})
    if preview or not (shown["cost"]["calls"] or shown["cost"]["companies"]):
        print_json(shown) if as_json else click.echo(cost_in_words(shown["cost"]))
        return
    if not (yes or named or as_json):
        click.confirm(f"{cost_in_words(shown['cost'])} Go on?", abort=True)
    waiting, dead = (_total(api, state, shown["like"]) for state in ("waiting", "dead"))
    left = api.post(path, body)
    if no_wait:
        print_json(left) if as_json else click.echo(f"{left[counted]} left.")
        return
    _follow(api, left[counted], left["like"], waiting)
    # What was dead and is run again must not hide what dies.
    dead -= left.get("revived", left[counted])
    died = max(0, _total(api, "dead", left["like"]) - dead)
    print_json(left) if as_json else click.echo(f"{left[counted] - died} done.")
    if died:
        raise Failed(f"{died} were given up; `codat-relay intents --state dead` says why.")


def _follow(api: Api, left: int, like: Iterable[str], before: int) -> None:
    """Show how what was left grows less. Of those alike, what others leave counts as not done."""
    with bar() as progress:
        task = progress.add_task("At Codat", total=left, rate="")
        while True:
            done = min(left, max(0, left + before - _total(api, "waiting", like)))
            speed = progress.tasks[0].speed
            progress.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "")
            if done >= left:
                return
            if until := _held(api.get("/v1/status")["budget"]):
                raise Failed(f"{done} of {left} done; the rest goes on by itself from {until} on.")
            time.sleep(LOOK_EVERY)


def _held(budget: dict[str, Any]) -> str | None:
    """Give when calls go on, if nobody may call for longer than one waits for."""
    spent = budget["remaining"] is not None and budget["remaining"] <= budget["reserved"]
    until: str | None = budget["resets"] if spent else budget["held_until"]
    if until is None or datetime.fromisoformat(until) - datetime.now(UTC) < WORTH_WAITING:
        return None
    return until


def _total(api: Api, state: str, like: Iterable[str]) -> int:
    """Count the intents of these names that are in a state."""
    lists = (api.get("/v1/intents", state=state, like=one, limit=1) for one in like)
    return sum(found["total"] for found in lists)
