"""Where we may listen: the address of a host, and whether a port there is free or in use."""

import socket

from cli.faults import CannotStart

CONNECT_TIMEOUT = 1.0  # seconds


def address_of(host: str) -> str:
    """Return the IP address to listen on for an address or a host's name; raises CannotStart.

    The web server takes addresses only. Of a name's several, IPv4 goes first.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no host's name"
        raise CannotStart(
            f"HOST is {host}, for which there is no address ({why}). Set it to an address of this"
            " machine, 127.0.0.1 for itself only or 0.0.0.0 for all of them."
        ) from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)
    return str(found[0][4][0])


def refuse_taken(host: str, port: int, setting: str) -> None:
    """Raise CannotStart, naming `setting`, when `port` cannot be listened on at `host`."""
    address = address_of(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # A connection that lingers from before is no reason; another listener still is.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))
            trial.listen(1)
    except OSError as error:
        raise CannotStart(
            f"Port {port} on {host} cannot be used ({error.strerror}). Set {setting} to a free one,"
            " or stop what listens there."
        ) from None


def is_listening(host: str, port: int) -> bool:
    """Whether a process takes connections there."""
    with socket.socket() as trial:
        trial.settimeout(CONNECT_TIMEOUT)
        return trial.connect_ex((host, port)) == 0
