"""Run the clock that makes work due."""

import signal
import sys
from types import FrameType

import click

from cli.data_dir import begin_process
from scheduler import clock

ORDER = 220


@click.command()
def scheduler() -> None:
    """Run the clock: request syncs when they are due, and hint work that lies waiting.

    Several may run: each period is requested once.
    """
    settings = begin_process()
    signal.signal(signal.SIGTERM, _leave)
    clock.run(settings)


def _leave(_number: int, _frame: FrameType | None) -> None:
    # A tick cut short costs nothing: the next one finds in the store what is still due.
    sys.exit(0)
