"""Work on one queue: drain, codat or deliver."""

import click

from cli.choices import OneOf
from cli.data_dir import begin_process
from relay.queues import QUEUES
from workers.worker import work

ORDER = 210


@click.command()
@click.argument("queue", type=OneOf(QUEUES))
@click.option("--burst", is_flag=True, help="End when the queue is empty.")
def worker(queue: str, burst: bool) -> None:
    """Work on one QUEUE until stopped.

    `drain` applies webhooks; `codat` does what must be done at Codat; `deliver` posts
    events to subscribers. Run as many of each as you like, on any number of machines.

    \b
    Examples:
      codat-relay worker drain
    """
    settings = begin_process()
    work(queue, settings, burst=burst)
