"""Rewrite a stream, so that the server holds nothing of what was deleted from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from relay.store import keys
from relay.store.scripts import Scripts

COPIED = 500  # entries copied per call; about ten milliseconds of the server
MAX_MS = 600_000


@contextmanager
def alone(client: Any, what: str) -> Iterator[bool]:
    """Let one at a time delete from streams and rewrite them; False while another does."""
    mine = bool(Scripts(client).once([keys.ERASING], [MAX_MS, what]))
    try:
        yield mine
    finally:
        if mine:
            client.delete(keys.ERASING)


def rewrite(client: Redis, scripts: Scripts, stream: str) -> None:
    """Copy the stream piece by piece, and put the copy in its place."""
    copy = keys.COPY + stream
    client.delete(copy)  # of one that broke off
    while not scripts.rewrite_stream([stream, copy], [COPIED]):
        client.pexpire(keys.ERASING, MAX_MS)
