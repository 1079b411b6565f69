"""Serve webhooks and the portal."""

import os

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from cli.data_dir import begin_process
from cli.runner.ports import address_of, refuse_taken
from cli.web.app import app, check
from cli.web.connections import raise_limit

ORDER = 200
EVERYWHERE = "0.0.0.0"  # noqa: S104 (asked for)
STOP_WITHIN = 8  # seconds given to requests under way


@click.command()
@click.option(
    "--public", is_flag=True, help="Listen on all addresses of this machine, unless HOST is set."
)
def web(*, public: bool) -> None:
    """Serve webhooks (POST /webhooks/codat) and the portal on HOST and PORT.

    Runs WEB_PROCESSES processes of WEB_THREADS threads, as many again for webhooks alone, and one
    more for each live stream that is open. Comes up even while Redis is away, answers 503 then, and
    works again when it is back. A server that could lose acknowledged webhooks is refused with exit
    code 2.

    \b
    Examples:
      codat-relay web --public
    """
    settings = begin_process()
    check(settings)
    host = settings.host
    if public and "host" not in settings.model_fields_set:
        host = EVERYWHERE
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # for processes that it starts anew, not by fork
    refuse_taken(host, settings.port, "PORT")
    Granian(
        "cli.web.app:app",
        factory=True,
        address=address_of(host),
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.web_processes,
        backpressure=raise_limit(settings.threads),
        http1_settings=HTTP1Settings(
            header_read_timeout=int(settings.relay_request_seconds * 1000)
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN,
        log_level=LogLevels.error,  # its one warning is advice on the number of threads
    ).serve(target_loader=app, wrap_loader=False)  # its own would look where we stand first
