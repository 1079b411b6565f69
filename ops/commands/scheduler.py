"""Run the clock, in the foreground."""

import signal
import sys
from types import FrameType

import click

from ops.here import settings_here
from relay.logging import set_up
from scheduler import clock


@click.command()
def scheduler() -> None:
    """Run the clock: request syncs when they are due, and hint work that lies waiting.

    Several may run: each period is requested once.
    """
    settings = settings_here()
    set_up(settings.relay_log_level)
    signal.signal(signal.SIGTERM, _leave)
    clock.run(settings)


def _leave(_number: int, _frame: FrameType | None) -> None:
    # A tick cut short costs nothing: the next one finds in the store what is still due.
    sys.exit(0)
