"""Tell in time that a port is taken, by the name of the setting that moves us off it."""

import socket

from ops.faults import CannotStart


def refuse_taken(host: str, port: int, setting: str) -> None:
    """Raise CannotStart, naming `setting`, when `port` cannot be listened on at `host`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # A connection that lingers from before is no reason; another listener still is.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            trial.listen(1)
    except OSError as error:
        raise CannotStart(
            f"Port {port} on {host} cannot be used ({error.strerror}). Set {setting} to a free one,"
            " or stop what listens there."
        ) from None
